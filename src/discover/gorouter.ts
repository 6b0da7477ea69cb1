/**
 * Polls a gorouter's `/routes` and feeds the listings into the table.
 *
 * The first poll loads got. got must not retry (the polling loop backs off) and not follow
 * redirects (credentials stay with the configured host). `listing.ts` counts the bytes after
 * decompression.
 */
import type { StreamOptions } from 'got';
import { type Clock, systemClock } from '../clock.ts';
import { type ClientCertificates, type ClientTls, readClientTls } from './client-tls.ts';
import { collectListing, type Listing, MAX_LISTING_BYTES } from './listing.ts';
import { startPolling } from './polling.ts';
import type { RouteTable } from './route-table.ts';
import type { RouteSource, SourceObservers } from './source.ts';
import { SourceError } from './source-error.ts';
import type { SourceWatch } from './source-state.ts';

export interface GorouterOptions {
  /** URL of the listing, such as `http://10.0.0.1:8082/routes`. */
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** From the end of a poll to the start of the next. Default 15 s. */
  readonly intervalMs?: number | undefined;
  /** Bound on a whole poll. Default 30 s. */
  readonly timeoutMs?: number | undefined;
  /**
   * Longest silence within a poll. Keep it shorter than the interval, so that a gorouter that hangs
   * does not delay the next poll. Default 10 s.
   */
  readonly silenceMs?: number | undefined;
  /** Bound on the listing after decompression. Default 256 MiB. */
  readonly maxBodyBytes?: number | undefined;
  readonly tls?: ClientTls | undefined;
  readonly clock?: Clock | undefined;
  /** A number from 0 up to 1, for the jitter. */
  readonly random?: (() => number) | undefined;
}

const CONNECT_MS = 5000;
const FIRST_RETRY_MS = 1000;
/** Each pause varies by this share, so that replicas do not all poll a gorouter at one time. */
const JITTER = 0.1;

/** Starts polling; the first poll begins at once. */
export function startGorouter(
  options: GorouterOptions,
  table: RouteTable,
  observers: SourceObservers = {},
): RouteSource {
  return startPolling({
    name: `gorouter ${withoutCredentials(options.url)}`,
    read: (signal) => download(options, signal),
    pauseMs: (watch, pollMs) => pauseMs(options, watch, pollMs),
    doubtsLoss: true, // a gorouter that just restarted may not know all apps yet
    clock: options.clock ?? systemClock,
    table,
    observers,
  });
}

/**
 * The pause after a poll: the interval. After a failed poll the interval counts from the start of
 * the poll, so that a gorouter that works again is read within one interval. Before the first
 * listing the pauses begin at 1 s and double up to the interval.
 */
function pauseMs(
  { intervalMs = 15_000, random = Math.random }: GorouterOptions,
  { ready, failures }: SourceWatch,
  pollMs: number,
): number {
  const waitsLess = failures > 0 && !ready;
  const baseMs = waitsLess
    ? Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), intervalMs)
    : intervalMs;
  const pauseMs = baseMs * (1 + JITTER * (2 * random() - 1));
  if (failures === 0) return pauseMs;
  return Math.max(Math.min(pauseMs, intervalMs) - pollMs, Math.min(FIRST_RETRY_MS, intervalMs));
}

/** @throws {SourceError} unless gorouter sends a whole listing with status 200 */
async function download(options: GorouterOptions, signal: AbortSignal): Promise<Listing> {
  const { default: got, TimeoutError } = await import('got');
  const certificates = await readClientTls(options.tls ?? {});
  const request = got.stream(options.url, requestOptions(options, certificates, signal));
  let status = 200;
  request.once('response', (response: { readonly statusCode: number }) => {
    status = response.statusCode;
    if (status !== 200) request.destroy();
  });
  try {
    const listing = await collectListing(request, options.maxBodyBytes ?? MAX_LISTING_BYTES);
    if (status === 200) return listing;
  } catch (error) {
    if (error instanceof SourceError) throw error;
    if (status === 200) {
      const fault = error instanceof TimeoutError ? 'timeout' : 'unreachable';
      throw new SourceError(fault, messageOf(error), { cause: withoutRequest(error) });
    }
  } finally {
    request.destroy();
  }
  throw new SourceError('status', `answered ${status} instead of 200`);
}

function requestOptions(
  options: GorouterOptions,
  { ca, cert, key }: ClientCertificates,
  signal: AbortSignal,
): StreamOptions {
  const { silenceMs = 10_000 } = options;
  return {
    retry: { limit: 0 },
    followRedirect: false,
    throwHttpErrors: false,
    decompress: true,
    strictContentLength: true,
    timeout: {
      connect: CONNECT_MS,
      ...{ response: silenceMs, socket: silenceMs },
      request: options.timeoutMs ?? 30_000,
    },
    signal,
    headers: { accept: 'application/json', 'user-agent': 'promgate' },
    ...(options.username !== undefined && { username: options.username }),
    ...(options.password !== undefined && { password: options.password }),
    https: {
      ...(ca && { certificateAuthority: [...ca] }),
      ...(cert !== undefined && { certificate: cert }),
      ...(key !== undefined && { key }),
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** got's errors hold the request with its password, so only the error below them is kept. */
function withoutRequest(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

function withoutCredentials(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
