/**
 * Why a source of routes cannot be read, with the key that says what is wrong.
 */
import { isUntrusted } from '../discover/client-tls.ts';
import type { SourceError } from '../discover/source-error.ts';

/** The keys of one source. */
export interface SourceKeys {
  /** Of where it is: `routes.gorouter[0].url`. */
  readonly address: string;
  /** The section with user name, password and TLS; a file has none. */
  readonly section?: string;
}

/** What OpenSSL says when the other side refuses, or misses, our certificate. */
const REFUSES_CERTIFICATE =
  /alert (?:certificate (?:required|unknown|expired|revoked)|bad certificate|unknown ca|unsupported certificate|handshake failure)/;
const NO_TLS = /wrong version number|packet length too long|does not support 'tls'/;

/** @returns the error's message, and what to do where that is known */
export function sourceAdvice(error: SourceError, keys: SourceKeys): string {
  const message = error.message.trim();
  const remedy = remedyFor(error, keys);
  return remedy === undefined ? message : `${message}: ${remedy}`;
}

function remedyFor(error: SourceError, { address, section }: SourceKeys): string | undefined {
  if (section === undefined)
    return error.fault === 'unreachable' ? `look at ${address}` : undefined;
  const { message, fault } = error;
  if (isUntrusted(error)) {
    return `set ${section}.tls.ca to the authority that signs its certificate`;
  }
  if (REFUSES_CERTIFICATE.test(message)) {
    return `set ${section}.tls.cert and ${section}.tls.key to a certificate that it accepts`;
  }
  if (message.includes("does not match certificate's altnames")) {
    return `write its name in ${address} as its certificate has it`;
  }
  if (NO_TLS.test(message)) return `it speaks no TLS there: look at ${address}`;
  if (section === 'routes.cf_api' && fault === 'rate-limited') {
    return `lower ${section}.requests_per_minute, which every replica uses for itself`;
  }
  if (section === 'routes.cf_api' && fault === 'denied') {
    return 'look at its credentials; the client needs cloud_controller.global_auditor, a user the role auditor in a space';
  }
  if (fault === 'denied' || /^answered 40[13] /.test(message)) {
    return `look at ${section}.username and ${section}.password`;
  }
  return /^answered \d/.test(message) || fault === 'unreachable' ? `look at ${address}` : undefined;
}
