/**
 * Maps an error of a GET, from `connect.ts`, a socket or a parser, to a word of `failure.ts` and a
 * message for the log.
 *
 * Compares codes and names, so that this file needs no undici. Other files judge the answer
 * itself: `verdict.ts` (status, redirect) and `body-reader.ts` (size, gzip).
 */
import { isClientRefused } from './client-alert.ts';
import { ConnectError } from './connect.ts';
import type { Failure } from './failure.ts';
import { NotHttpError } from './lenient-head.ts';
import { WireLimitError } from './wire-limit.ts';

type CodedError = Error & { readonly code?: unknown };

/** @param started - whether the final status and headers had arrived */
export function failureOf(error: CodedError, started: boolean): Failure {
  if (error instanceof ConnectError) return error.failure;
  if (error instanceof WireLimitError) return 'too-large';
  if (error instanceof NotHttpError || error.name === 'HTTPParserError') return 'not-http';
  const code = String(error.code);
  switch (code) {
    case 'UND_ERR_HEADERS_OVERFLOW':
      return 'too-large';
    case 'UND_ERR_INVALID_ARG': // the route is no valid Host, or the path no valid request target
      return 'unreachable';
    case 'UND_ERR_DESTROYED':
    case 'UND_ERR_CLOSED':
      return 'aborted';
    case 'UND_ERR_SOCKET': // an unrequested 100 or 101, else a closed connection
      return isUnasked(error) ? 'not-http' : 'truncated';
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'unreachable';
  }
  if (isClientRefused(error)) return 'tls-client'; // a TLS 1.3 server refuses our certificate late
  if (code.startsWith('ERR_SSL')) return 'tls';
  return code.startsWith('ERR_HTTP2') && !started ? 'not-http' : 'truncated';
}

/**
 * Whether undici's parser refused a response that the lenient parser may read.
 *
 * @param headers - the headers of the final response, if they had arrived
 */
export function isRefusal(
  error: CodedError,
  headers: Readonly<Record<string, unknown>> | undefined,
): boolean {
  // undici reports this error for any refusal of a response with a Content-Length, and counts a
  // blank after the number as a digit. With headers and a plain number, the body was cut off.
  const length = String(headers?.['content-length'] ?? '');
  if (error.code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') return !/^\d+$/.test(length);
  if (error.code === 'ERR_ASSERTION') return true; // undici asserts that a status has three digits
  return error.name === 'HTTPParserError' || (error.code === 'UND_ERR_SOCKET' && isUnasked(error));
}

/** The message of an error and of its cause, cut to a length fit for a log line. */
export function causeOf(error: Error): string {
  const { cause } = error;
  const why = cause instanceof Error ? cause.message : cause;
  const text = why === undefined ? error.message : `${error.message}: ${String(why)}`;
  return text.slice(0, MAX_CAUSE_LENGTH);
}

const MAX_CAUSE_LENGTH = 500;

/** Whether the instance sent a 100 or 101 that promgate had not asked for. */
function isUnasked({ message }: Error): boolean {
  return message.startsWith('bad ');
}
