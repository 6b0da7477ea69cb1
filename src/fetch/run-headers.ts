/**
 * The headers that the targets of one scrape get.
 */
import {
  type ScrapeHeaders,
  TIMEOUT_HEADER,
  withOwnHeaders,
  withoutCredentials,
} from './forward.ts';
import type { ScrapeTarget } from './target.ts';

export class RunHeaders {
  readonly #shared: ScrapeHeaders;
  readonly #plainCredentials: boolean;
  /** The headers made last: most instances of one app get the same headers. */
  #headers: readonly string[] = [];
  #headersFor = '';
  #headersWith: readonly string[] = [];
  /** A page's own headers -> the shared headers with the page's own in their places. */
  #ownHeaders: Map<readonly string[], readonly string[]> | undefined;
  /** The shared headers without credentials, for endpoints without TLS. */
  #uncredentialed: readonly string[] | undefined;

  /** @param plainCredentials - `scrape.plain_credentials` */
  constructor(shared: ScrapeHeaders, plainCredentials: boolean) {
    this.#shared = shared;
    this.#plainCredentials = plainCredentials;
  }

  /** @param deadlineMs - deadline of the fetch; a header tells the target the time left */
  of(target: ScrapeTarget, deadlineMs: number): readonly string[] {
    const leftSeconds = Math.max(0, deadlineMs - performance.now()) / 1000;
    const left = String(Math.max(0.1, Math.floor(leftSeconds * 10) / 10));
    const kind = target.instance ? (target.tls ? 'tls' : 'plain') : 'exporter';
    const key = `${kind} ${left} ${target.host}`;
    if (key !== this.#headersFor || target.headers !== this.#headersWith) {
      const { exporters } = this.#shared;
      const shared = target.instance ? this.#instanceHeaders(target) : exporters;
      this.#headers = ['Host', target.host, ...shared, TIMEOUT_HEADER, left];
      this.#headersFor = key;
      this.#headersWith = target.headers;
    }
    return target.pin ? pinned(this.#headers, target.pin) : this.#headers;
  }

  #instanceHeaders({ tls, headers: own }: ScrapeTarget): readonly string[] {
    const { instances } = this.#shared;
    if (!tls && !this.#plainCredentials) {
      this.#uncredentialed ??= withoutCredentials(instances);
      return this.#uncredentialed;
    }
    if (own.length === 0) return instances;
    this.#ownHeaders ??= new Map();
    let headers = this.#ownHeaders.get(own);
    if (headers === undefined) {
      headers = withOwnHeaders(instances, own);
      this.#ownHeaders.set(own, headers);
    }
    return headers;
  }
}

/** A binding may set headers of the same kind: only one of promgate's own decides the instance. */
function pinned(headers: readonly string[], pin: readonly [string, string]): readonly string[] {
  const isPin = (name: string): boolean => /^x-cf-(?:app|process)-instance$/i.test(name);
  const kept = headers.filter((_, at) => !isPin(headers[at - (at % 2)]!)); // a name is at even places
  return [...kept, ...pin];
}
