/**
 * The word of `failure.ts` for what `connect.ts`, a socket or a parser reports of a GET, and its
 * message for the log.
 *
 * Goes by codes and names, so that nothing here needs undici. What an answer itself says is
 * judged in `verdict.ts` (status, redirect) and `body-reader.ts` (size, gzip).
 */
import { ConnectError } from './connect.ts';
import type { Failure } from './failure.ts';
import { NotHttpError } from './lenient-head.ts';
import { WireLimitError } from './wire-limit.ts';

type CodedError = Error & { readonly code?: unknown };

/** @param started - whether the final status and headers had come */
export function failureOf(error: CodedError, started: boolean): Failure {
  if (error instanceof ConnectError) return error.failure;
  if (error instanceof WireLimitError) return 'too-large';
  if (error instanceof NotHttpError || error.name === 'HTTPParserError') return 'not-http';
  const code = String(error.code);
  switch (code) {
    case 'UND_ERR_HEADERS_OVERFLOW':
      return 'too-large';
    case 'UND_ERR_INVALID_ARG': // a route that is no Host, a path that is no request target
      return 'unreachable';
    case 'UND_ERR_DESTROYED':
    case 'UND_ERR_CLOSED':
      return 'aborted';
    case 'UND_ERR_SOCKET': // an answer that may not come (100, 101), else a closed connection
      return isUnasked(error) ? 'not-http' : 'truncated';
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'unreachable';
  }
  if (code.startsWith('ERR_SSL')) return 'tls'; // TLS 1.3 refuses our certificate after connecting
  return code.startsWith('ERR_HTTP2') && !started ? 'not-http' : 'truncated';
}

/**
 * Whether undici's parser refused what the lenient one may read.
 *
 * @param headers - of the final status, if they had come
 */
export function isRefusal(
  error: CodedError,
  headers: Readonly<Record<string, unknown>> | undefined,
): boolean {
  // undici says so of whatever it refuses where there is a Content-Length, and counts a blank behind
  // the number as a digit. Once the headers have come, and with a plain number, the body was cut.
  const length = String(headers?.['content-length'] ?? '');
  if (error.code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') return !/^\d+$/.test(length);
  if (error.code === 'ERR_ASSERTION') return true; // undici asserts that a status has three digits
  return error.name === 'HTTPParserError' || (error.code === 'UND_ERR_SOCKET' && isUnasked(error));
}

/** The message of an error and of what caused it, of a length that a log line may have. */
export function causeOf(error: Error): string {
  const { cause } = error;
  const why = cause instanceof Error ? cause.message : cause;
  const text = why === undefined ? error.message : `${error.message}: ${String(why)}`;
  return text.slice(0, MAX_CAUSE_LENGTH);
}

const MAX_CAUSE_LENGTH = 500;

/** 100 or 101 without having been asked for. */
function isUnasked({ message }: Error): boolean {
  return message.startsWith('bad ');
}
