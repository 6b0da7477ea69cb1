/**
 * What to do about a failure of a way, with the real names of both apps: commands to be copied.
 *
 * Names come from developers of any space, so that each is quoted for a shell.
 */
import type { Failure } from './failure.ts';
import type { ScrapeTarget } from './target.ts';

/** promgate's own app, as the platform names it. A part is undefined if the platform does not say it. */
export interface OwnName {
  readonly appName: string | undefined;
  readonly spaceName: string | undefined;
  readonly organizationName: string | undefined;
}

export interface AdviceContext {
  readonly own: OwnName | undefined;
  readonly hasRouter: boolean;
}

type Asked = Pick<ScrapeTarget, 'via' | 'address' | 'host' | 'instance'>;

export function wayAdvice(
  target: Asked,
  failure: Failure,
  { own, hasRouter }: AdviceContext,
): string | undefined {
  const { via } = target;
  if (failure === 'no-way') return noWayAdvice(target, own, hasRouter);
  if (failure === 'port-unreachable') {
    return 'map a route of the app to the port, with routes.cf_api and scrape.router or scrape.tls; or an internal route with a network policy';
  }
  if (via === 'internal' && UNCONNECTED.has(failure)) return `run: ${policyCommand(target, own)}`;
  if (via === 'identity' && failure === 'route-policy') return `run: ${routeCommand(target, own)}`;
  if (failure !== 'tls-client') return undefined;
  return via === 'identity'
    ? 'gorouter must trust the authority of instance identities: ca_certs of the domain in router.domains'
    : "the cell takes only gorouter's client certificate: set scrape.tls.cert and scrape.tls.key to it, or set scrape.router";
}

const UNCONNECTED: ReadonlySet<Failure> = new Set<Failure>(['refused', 'unreachable']);

function noWayAdvice(target: Asked, own: OwnName | undefined, hasRouter: boolean): string {
  const { app } = target.instance ?? {};
  const name = quoted(app?.appName || 'APP');
  const policy = policyCommand({ ...target, address: ':8080' }, own);
  const map = `cf map-route ${name} apps.internal --hostname HOST, and ${policy}`;
  return hasRouter ? `run: ${map}` : `set scrape.router; or run: ${map}`;
}

/** Lets promgate connect to the port of the app's containers. */
function policyCommand({ address, instance }: Asked, own: OwnName | undefined): string {
  const { appName = '', spaceName = '', organizationName = '' } = instance?.app ?? {};
  const port = address.slice(address.lastIndexOf(':') + 1);
  return [
    `cf add-network-policy ${quoted(own?.appName ?? 'promgate')} ${quoted(appName || 'APP')}`,
    ...(spaceName === '' ? [] : [`-s ${quoted(spaceName)}`]),
    ...(organizationName === '' ? [] : [`-o ${quoted(organizationName)}`]),
    `--protocol tcp --port ${port}`,
  ].join(' ');
}

/** Lets promgate ask an identity-aware route; whoever owns the route runs it. */
function routeCommand({ host }: Asked, own: OwnName | undefined): string {
  const dot = host.indexOf('.');
  return [
    `cf add-route-policy ${quoted(host.slice(dot + 1))} --hostname ${quoted(host.slice(0, dot))}`,
    `--source-app ${quoted(own?.appName ?? 'promgate')}`,
    ...(own?.spaceName === undefined ? [] : [`--source-space ${quoted(own.spaceName)}`]),
    ...(own?.organizationName === undefined
      ? []
      : [`--source-org ${quoted(own.organizationName)}`]),
  ].join(' ');
}

/** One word of a shell's command line, without characters that no terminal should get. */
function quoted(name: string): string {
  const plain = name.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?');
  return /^[A-Za-z0-9._-]+$/.test(plain) ? plain : `'${plain.replaceAll("'", "'\\''")}'`;
}
