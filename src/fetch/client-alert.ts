/**
 * Tells whether a server refused promgate's client certificate, or the lack of one.
 *
 * A server says so by a TLS alert. With TLS 1.2 the alert ends the handshake. With TLS 1.3 the client
 * has finished the handshake by then, so that the alert arrives at the first read.
 */
import type { TLSSocket } from 'node:tls';

type CodedError = Error & { readonly code?: unknown };

/**
 * The alerts that are about the certificate of the client, as the codes of OpenSSL end.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8446#section-6.2
 */
const ABOUT_CERTIFICATES =
  /ALERT_(?:NO_CERTIFICATE|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_REVOKED|CERTIFICATE_EXPIRED|CERTIFICATE_UNKNOWN|CERTIFICATE_REQUIRED|UNKNOWN_CA|ACCESS_DENIED)$/;
/** TLS 1.2 has no alert for a missing certificate: servers send this general one. */
const GENERAL = /ALERT_HANDSHAKE_FAILURE$/;

/**
 * @param socket - the socket of the handshake that failed; undefined after the handshake
 */
export function isClientRefused({ code }: CodedError, socket?: TLSSocket): boolean {
  const text = String(code);
  if (ABOUT_CERTIFICATES.test(text)) return true;
  // With the server's certificate at hand, both sides had agreed on everything else.
  return GENERAL.test(text) && socket !== undefined && hasPeerCertificate(socket);
}

function hasPeerCertificate(socket: TLSSocket): boolean {
  return Object.keys(socket.getPeerCertificate() ?? {}).length > 0;
}
