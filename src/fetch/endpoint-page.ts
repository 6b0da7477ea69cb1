/**
 * Fetches the page of one endpoint that a reader names.
 *
 * Every fetch looks the name up anew, has all addresses judged, and connects to one of these very
 * addresses: no later look-up can lead elsewhere. Connections are kept per address, and their names
 * in certificates are checked; a scraper of its own keeps them apart from those to instances.
 * Redirects change the path at most, never the address (`redirect.ts`).
 */

import type { ScrapeAnswer } from './answer.ts';
import { withDeadlineOf } from './deadline.ts';
import { type EndpointFailure, EndpointRefusedError, endpointFailure } from './endpoint-failure.ts';
import type { EndpointGuard } from './endpoint-guard.ts';
import type { EndpointUrl } from './endpoint-url.ts';
import type { Scraper } from './fan-out.ts';
import type { ResponseHeaders } from './get.ts';
import type { Lookup } from './host-lookup.ts';
import { freePages } from './memory.ts';
import type { ScrapeRequest } from './scrape-run.ts';
import type { ScrapeTarget } from './target.ts';

export interface EndpointPagesOptions {
  readonly guard: EndpointGuard;
  readonly scraper: Pick<Scraper, 'scrape' | 'lease'>;
  readonly lookup: Lookup;
  /** Aborts when promgate stops. */
  readonly stopping?: AbortSignal | undefined;
}

/** `deadlineMs` and the signals as in a scrape. */
export interface EndpointRequest
  extends Pick<ScrapeRequest, 'deadlineMs' | 'signal'>,
    Required<Pick<ScrapeRequest, 'hurry'>> {
  readonly endpoint: EndpointUrl;
  /** Flat: name, value, … Without `Host` and the timeout. */
  readonly headers: readonly string[];
}

export interface EndpointPage {
  /** Decompressed; it shares its memory with nobody. */
  readonly body: Buffer;
  readonly contentType: string;
  readonly headers: ResponseHeaders;
}

export interface EndpointFailed {
  readonly failure: EndpointFailure;
  /** What happened, for the reader and the log. */
  readonly why: string;
  /** The status of the endpoint's answer, where there was one. */
  readonly status: number | undefined;
}

interface Asked {
  readonly durationSeconds: number;
  readonly bytes: number;
}

export type EndpointAnswer = Asked &
  (
    | { readonly page: EndpointPage; readonly failed?: never }
    | { readonly page?: never; readonly failed: EndpointFailed }
  );

/** Addresses of one name that are tried one after the other. */
const MAX_TRIED = 4;
/** The status of a server that recognizes its own request. */
const LOOP_DETECTED = 508;

export class EndpointPages {
  readonly #options: EndpointPagesOptions;

  constructor(options: EndpointPagesOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async fetch(request: EndpointRequest): Promise<EndpointAnswer> {
    const startedMs = performance.now();
    const addresses = await this.#addresses(request);
    if ('failure' in addresses) {
      const durationSeconds = (performance.now() - startedMs) / 1000;
      return { failed: addresses, durationSeconds, bytes: 0 };
    }
    let answer: ScrapeAnswer | undefined;
    for (const address of addresses.slice(0, MAX_TRIED)) {
      answer = await this.#ask(request, address);
      const isElsewhere = answer.failure === 'refused' || answer.failure === 'unreachable';
      if (!isElsewhere || request.signal.aborted || request.hurry?.aborted) break;
    }
    return resultOf(answer!, request.endpoint); // there is an address
  }

  /** The addresses that may be asked. */
  async #addresses(request: EndpointRequest): Promise<readonly string[] | EndpointFailed> {
    const { guard, lookup, stopping } = this.#options;
    const { endpoint, deadlineMs, signal } = request;
    const { isAddress, host, name } = endpoint;
    const hurries = [request.hurry, stopping].filter((one) => one !== undefined);
    const found = isAddress ? [host] : await lookup(name, { deadlineMs, signal, hurries });
    if (typeof found === 'string') {
      const failure = found === 'late' ? 'upstream_timeout' : 'upstream_dns';
      const why =
        found === 'late'
          ? `the name server did not answer for ${host} before the deadline`
          : `the name server gives no address for ${host}`;
      return { failure, why, status: undefined };
    }
    try {
      guard.checkAddresses(endpoint, found);
    } catch (error) {
      if (!(error instanceof EndpointRefusedError)) throw error;
      return { failure: error.refusal, why: error.message, status: undefined };
    }
    return found;
  }

  /** Asks at one address that was judged. */
  async #ask(request: EndpointRequest, address: string): Promise<ScrapeAnswer> {
    const { scraper } = this.#options;
    const { endpoint, headers, signal, hurry } = request;
    using lease = scraper.lease();
    const scrape = {
      targets: [targetOf(endpoint, address)],
      headers: { instances: [], exporters: headers },
      ...{ signal, hurry, lease },
    };
    // The deadline moves when waiters join or leave.
    const [answer] = await scraper.scrape(withDeadlineOf(request, scrape));
    if (!answer?.page) return answer!; // one for each target
    const { body } = answer.page;
    // Out of the byte budget: whoever keeps the page counts it from now on.
    const page = { ...answer.page, body: Buffer.allocUnsafeSlow(body.length) };
    body.copy(page.body);
    freePages([body]);
    return { ...answer, page };
  }
}

function targetOf(endpoint: EndpointUrl, address: string): ScrapeTarget {
  const { port, tls, host, isAddress, authority, path, origin } = endpoint;
  return {
    instance: undefined,
    exporter: origin,
    address: address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
    ...{ tls, path, host: authority, trust: 'system', http2: false },
    serverName: isAddress ? '' : host,
    headers: [],
    timeoutMs: undefined,
    oneOfSeveral: true, // one page may hang while others answer: multi-target exporters
    space: origin,
    app: origin,
  };
}

function resultOf(answer: ScrapeAnswer, { origin }: EndpointUrl): EndpointAnswer {
  const { durationSeconds, bodyBytes: bytes } = answer;
  if (answer.page) return { page: answer.page, durationSeconds, bytes };
  const { status, cause } = answer;
  const isLoop = status === LOOP_DETECTED;
  const failure = isLoop ? 'denied_loop' : endpointFailure(answer.failure);
  const said = status === undefined ? (cause ?? answer.failure) : `status ${status}`;
  return { failed: { failure, why: `${origin}: ${said}`, status }, durationSeconds, bytes };
}
