/**
 * Polls a gorouter's `/routes` and feeds what it prints into the table.
 *
 * got is loaded with the first poll. Of what it does by itself nothing is left to chance: no
 * retries (the loop backs off), no redirects (credentials stay with the configured host), and the
 * bytes are counted here, as they are after decompression.
 */
import type { StreamOptions } from 'got';
import { type Clock, systemClock } from '../clock.ts';
import { type ClientCertificates, type ClientTls, readClientTls } from './client-tls.ts';
import { collectPage, MAX_PAGE_BYTES, type Page } from './page.ts';
import { startPolling } from './polling.ts';
import type { RouteTable } from './route-table.ts';
import type { RouteSource, SourceObservers } from './source.ts';
import { SourceError } from './source-error.ts';
import type { SourceWatch } from './source-state.ts';

export interface GorouterOptions {
  /** Of the page, such as `http://10.0.0.1:8082/routes`. */
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** From the end of a poll to the start of the next. Standard 15 s. */
  readonly intervalMs?: number | undefined;
  /** For a whole poll. Standard 30 s. */
  readonly timeoutMs?: number | undefined;
  /** Longest silence within a poll: less than an interval, so that a hang costs no further poll. Standard 10 s. */
  readonly silenceMs?: number | undefined;
  /** After decompression. Standard 256 MiB. */
  readonly maxBodyBytes?: number | undefined;
  readonly tls?: ClientTls | undefined;
  readonly clock?: Clock | undefined;
  /** A number from 0 up to 1, for the jitter. */
  readonly random?: (() => number) | undefined;
}

const CONNECT_MS = 5000;
const FIRST_RETRY_MS = 1000;
/** Polls of several replicas and gorouters drift apart by this part of the interval. */
const JITTER = 0.1;

/** Starts polling; the first poll starts at once. */
export function startGorouter(
  options: GorouterOptions,
  table: RouteTable,
  observers: SourceObservers = {},
): RouteSource {
  return startPolling({
    name: `gorouter ${withoutCredentials(options.url)}`,
    read: (signal) => download(options, signal),
    pauseMs: (watch, pollMs) => pauseMs(options, watch, pollMs),
    doubtsLoss: true, // a gorouter that has just started may not know all apps yet
    clock: options.clock ?? systemClock,
    table,
    observers,
  });
}

/**
 * The interval, also after failures; from the start of a poll that failed, however long it hung, so
 * that a gorouter that is back is read within one interval. While there is no table yet the first
 * retries come sooner, twice as long each time.
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

/** @throws {SourceError} unless a whole page came with status 200 */
async function download(options: GorouterOptions, signal: AbortSignal): Promise<Page> {
  const { default: got, TimeoutError } = await import('got');
  const certificates = await readClientTls(options.tls ?? {});
  const request = got.stream(options.url, requestOptions(options, certificates, signal));
  let status = 200;
  request.once('response', (response: { readonly statusCode: number }) => {
    status = response.statusCode;
    if (status !== 200) request.destroy();
  });
  try {
    const page = await collectPage(request, options.maxBodyBytes ?? MAX_PAGE_BYTES);
    if (status === 200) return page;
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

/** got's errors hold the whole request, password included: only what lies under them is kept. */
function withoutRequest(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

function withoutCredentials(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
