/**
 * Decides whether promgate may ask an endpoint that a reader names: the guard against requests that
 * promgate is talked into (server-side request forgery).
 *
 * Plain computation. `check` judges the URL, and the address if the host is one; `checkAddresses`
 * judges what a name server answered. Whoever connects must connect to one of these very addresses.
 */
import { isPublic, Networks } from './address-rules.ts';
import { EndpointRefusedError } from './endpoint-failure.ts';
import type { EndpointUrl } from './endpoint-url.ts';
import { isBlockedPort } from './port-rules.ts';

export interface GuardOptions {
  /** `endpoints.allow`: hosts (`*` matches any characters), with or without a port, and networks. */
  readonly allow: readonly string[];
  /** `endpoints.deny`, in the same form. */
  readonly deny: readonly string[];
  /** `endpoints.allow_private`: networks that are not public, and may be asked nevertheless. */
  readonly allowPrivate: readonly string[];
}

export class EndpointGuard {
  readonly #allow: EndpointRules;
  readonly #deny: EndpointRules;
  readonly #private: Networks;

  constructor({ allow, deny, allowPrivate }: GuardOptions) {
    this.#allow = new EndpointRules(allow);
    this.#deny = new EndpointRules(deny);
    this.#private = new Networks(allowPrivate);
  }

  /**
   * @param own - `host` or `host:port` under which readers reach promgate
   * @throws {EndpointRefusedError}
   */
  check(endpoint: EndpointUrl, own: readonly string[]): void {
    const { port, host, isAddress } = endpoint;
    if (isBlockedPort(port)) {
      const why = `port ${port} is blocked: it belongs to a protocol that is not HTTP, or to a data store`;
      throw new EndpointRefusedError('denied_port', why);
    }
    if (own.some((one) => isSame(endpoint, one))) {
      throw new EndpointRefusedError('denied_loop', `${endpoint.authority} is promgate itself`);
    }
    if (this.#deny.names(endpoint)) throw denied(`endpoints.deny names ${host}`);
    if (isAddress) this.checkAddresses(endpoint, [host]);
    else if (!this.#allow.names(endpoint) && !this.#allow.hasNetworks) throw notListed(endpoint);
  }

  /**
   * Judges all addresses of the endpoint: a connection might go to any of them.
   *
   * @param addresses - at least one
   * @throws {EndpointRefusedError}
   */
  checkAddresses(endpoint: EndpointUrl, addresses: readonly string[]): void {
    const isListed = this.#allow.names(endpoint);
    for (const address of addresses) {
      const at = endpoint.isAddress ? address : `an address of ${endpoint.host}`;
      if (!isPublic(address) && !this.#private.has(address)) {
        throw denied(`${at} is not public: endpoints.allow_private may open its network`);
      }
      if (this.#deny.holds(address)) throw denied(`endpoints.deny holds ${at}`);
      if (!isListed && !this.#allow.holds(address)) throw notListed(endpoint);
    }
  }
}

interface HostRule {
  readonly host: RegExp;
  readonly port: number | undefined;
}

/** A list of hosts and networks. */
export class EndpointRules {
  readonly #hosts: readonly HostRule[];
  readonly #networks: Networks;
  readonly hasNetworks: boolean;

  /** @param rules - checked by the configuration */
  constructor(rules: readonly string[]) {
    const networks = rules.filter(isNetwork);
    this.hasNetworks = networks.length > 0;
    this.#networks = new Networks(networks);
    this.#hosts = rules.filter((rule) => !isNetwork(rule)).map(hostRule);
  }

  /** Whether a rule for hosts fits the endpoint. */
  names({ host, port }: EndpointUrl): boolean {
    return this.#hosts.some(
      (rule) => rule.host.test(host) && (rule.port === undefined || rule.port === port),
    );
  }

  /** Whether a network of the list has the address. */
  holds(address: string): boolean {
    return this.#networks.has(address);
  }

  /** Whether a rule fits the endpoint before its name is looked up: networks fit addresses alone. */
  fits(endpoint: EndpointUrl): boolean {
    return this.names(endpoint) || (endpoint.isAddress && this.holds(endpoint.host));
  }
}

function isNetwork(rule: string): boolean {
  return rule.includes('/') || /^[0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*$/i.test(rule);
}

/** Reads `*.example.com`, `10.0.0.1:9100`, `[2001:db8::1]:9100`. */
function hostRule(rule: string): HostRule {
  const [, bracketed, plain = '', port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(rule) ?? [];
  const written = bracketed === undefined ? plain : bracketed;
  const canonical = written.includes('*')
    ? written
    : (URL.parse(`http://${bracketed === undefined ? plain : `[${bracketed}]`}`)?.hostname ??
      plain);
  const host = canonical
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase();
  const pattern = host
    .split(/\*+/)
    .map((part) => part.replace(/[^a-z0-9_-]/g, (character) => `\\${character}`))
    .join('.*');
  return {
    host: new RegExp(`^${pattern}$`, 's'),
    port: port === undefined ? undefined : Number(port),
  };
}

/** Whether promgate is reached as `own` where the endpoint is: `own` may lack the port. */
function isSame({ host, port, tls }: EndpointUrl, own: string): boolean {
  const known = URL.parse(`http://${own}`);
  if (!known || known.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '') !== host)
    return false;
  const named = /:(\d+)$/.exec(own)?.[1];
  return named === undefined ? port === (tls ? 443 : 80) : Number(named) === port;
}

function denied(why: string): EndpointRefusedError {
  return new EndpointRefusedError('denied_address', why);
}

function notListed({ authority }: EndpointUrl): EndpointRefusedError {
  return denied(`endpoints.allow does not name ${authority}`);
}
