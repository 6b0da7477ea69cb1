/**
 * The word of `failure.ts` for what `connect.ts`, a socket or undici reports of a GET.
 *
 * Goes by codes and names, so that nothing here needs undici. What an answer itself says (status,
 * size, redirect, encoding) is judged in `page.ts`.
 */
import { ConnectError } from './connect.ts';
import type { Failure } from './failure.ts';

/** @param started - whether the final status and headers had come */
export function failureOf(error: Error & { readonly code?: unknown }, started: boolean): Failure {
  if (error instanceof ConnectError) return error.failure;
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
      return error.message.startsWith('bad ') ? 'status-other' : 'truncated';
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'unreachable';
  }
  if (code.startsWith('ERR_SSL')) return 'tls'; // TLS 1.3 refuses our certificate after connecting
  const nonsense =
    error.name === 'HTTPParserError' || // its code is undefined in undici 8.12
    code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' ||
    code.startsWith('ERR_HTTP2');
  return nonsense && !started ? 'status-other' : 'truncated';
}
