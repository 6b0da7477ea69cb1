/**
 * What the answer of a receiver of remote write means.
 *
 * @see https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/
 */
import type { ProtocolVersion } from './remote-write-protobuf.ts';

/** What a receiver answers; no more of its body than an operator wants to read. */
export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The beginning of the body, as the receiver wrote it. */
  readonly text: string;
}

/** Why an attempt to send failed in a way that another attempt may not. */
export const RETRY_CAUSES = [
  'unreachable',
  'tls',
  'timeout',
  'server_error',
  'rate_limited',
] as const;

export type RetryCause = (typeof RETRY_CAUSES)[number];

/** Why a receiver has not stored samples that it was sent, and will not. */
export const REFUSALS = [
  'refused',
  'unauthorized',
  'not_found',
  'too_large',
  'media_type',
  'redirect',
  'status',
  'not_written',
] as const;

export type Refusal = (typeof REFUSALS)[number];

export type Verdict =
  /** `count` of the samples are stored. */
  | { readonly kind: 'written'; readonly count: number; readonly rest: Refusal }
  | { readonly kind: 'retry'; readonly cause: RetryCause; readonly afterMs: number }
  /** The receiver does not know protocol 2.0. */
  | { readonly kind: 'older' }
  /** The receiver may not know protocol 2.0, or may mean the samples. */
  | { readonly kind: 'perhaps-older' }
  /** None are stored; parts of the batch may be. */
  | { readonly kind: 'split'; readonly refusal: 'refused' | 'too_large' }
  | { readonly kind: 'lost'; readonly refusal: Refusal };

/** The longest pause that a receiver may ask for. */
const MAX_RETRY_AFTER_MS = 60_000;

const WRITTEN = 'x-prometheus-remote-write-samples-written';

/**
 * @param samples - how many the request had
 * @param nowMs - of the wall clock, for a `Retry-After` with a date
 */
export function judge(
  { status, headers }: Pick<Answer, 'status' | 'headers'>,
  version: ProtocolVersion,
  samples: number,
  nowMs: number,
): Verdict {
  const written = version === 2 ? writtenOf(headers[WRITTEN], samples) : undefined;
  if (status >= 200 && status < 300) {
    if (version === 1) return { kind: 'written', count: samples, rest: 'not_written' };
    // A receiver that knows only protocol 1.0 takes the message for one without samples.
    if (written === undefined) return { kind: 'older' };
    return { kind: 'written', count: written, rest: 'not_written' };
  }
  if (status === 408 || status === 429 || (status >= 500 && status < 600)) {
    const cause = status === 429 ? 'rate_limited' : status === 408 ? 'timeout' : 'server_error';
    return { kind: 'retry', cause, afterMs: retryAfterMs(headers['retry-after'], nowMs) };
  }
  if (status === 415 && version === 2) return { kind: 'older' };
  if (status === 413) return { kind: 'split', refusal: 'too_large' };
  if (status === 400) {
    // Receivers of protocol 2.0 keep the good samples, and say how many these are.
    if (written !== undefined) return { kind: 'written', count: written, rest: 'refused' };
    return version === 2 ? { kind: 'perhaps-older' } : { kind: 'split', refusal: 'refused' };
  }
  return { kind: 'lost', refusal: refusalOf(status) };
}

function refusalOf(status: number): Refusal {
  if (status === 401 || status === 403 || status === 407) return 'unauthorized';
  if (status === 404 || status === 405 || status === 410) return 'not_found';
  if (status === 415) return 'media_type';
  return status >= 300 && status < 400 ? 'redirect' : 'status';
}

/** undefined: the receiver does not say, or says what is no number. */
function writtenOf(header: string | undefined, samples: number): number | undefined {
  if (header === undefined || !/^\d{1,15}$/.test(header.trim())) return undefined;
  return Math.min(Number(header), samples);
}

/** From seconds or a date; 0 if there is neither. */
function retryAfterMs(header: string | undefined, nowMs: number): number {
  const text = header?.trim() ?? '';
  if (text === '') return 0;
  const ms = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : 0;
}
