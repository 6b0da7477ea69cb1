/**
 * Reads `X-Forwarded-Client-Cert` as gorouter writes it: the base64 of one certificate, or in
 * Envoy's format the hash and the subject of one.
 *
 * Whether the header may be trusted is for the caller to decide.
 */
import { X509Certificate } from 'node:crypto';
import { type Identity, IdentityError, identityOf } from './identity.ts';

export const CLIENT_CERT_HEADER = 'x-forwarded-client-cert';

const ENVOY = /^(?:hash|subject|by|cert|chain|uri|dns)=/i;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/** The first byte of a certificate in DER. */
const SEQUENCE = 0x30;
/** An element of a list, or a pair of an element; what is quoted stays whole. */
const ELEMENTS = /(?:[^,"]|"(?:[^"\\]|\\.)*")+/g;
const PAIRS = /(?:[^;"]|"(?:[^"\\]|\\.)*")+/g;
/** A part of a subject; a backslash escapes the character after it. */
const PARTS = /(?:[^,+\\]|\\.)+/g;

/** A certificate to verify, or the app that gorouter has verified already. */
export type Forwarded =
  | { readonly leaf: X509Certificate }
  | { readonly identity: Identity }
  | undefined;

/**
 * @param headers - the values of all headers of this name
 * @param allowsEnvoy - whether gorouter itself verifies the certificates of the request's domain
 * @returns undefined if the reader has no certificate
 * @throws {IdentityError}
 */
export function readForwarded(headers: readonly string[] = [], allowsEnvoy: boolean): Forwarded {
  const [text = '', ...others] = headers.map((one) => one.trim());
  if (others.length > 0) throw new IdentityError('several-certificates');
  if (text === '') return undefined;
  if (!ENVOY.test(text)) return { leaf: readLeaf(text) };
  if (!allowsEnvoy) throw new IdentityError('envoy-format');
  return { identity: readEnvoy(text) };
}

function readLeaf(text: string): X509Certificate {
  if (text.includes(',')) throw new IdentityError('several-certificates');
  if (!BASE64.test(text)) throw new IdentityError('malformed');
  const der = Buffer.from(text, 'base64');
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(der);
  } catch (cause) {
    throw new IdentityError('malformed', { cause });
  }
  if (der.equals(leaf.raw)) return leaf;
  const isSecond = der.subarray(0, leaf.raw.length).equals(leaf.raw); // OpenSSL reads the first only
  const isSequence = der[leaf.raw.length] === SEQUENCE;
  throw new IdentityError(isSecond && isSequence ? 'several-certificates' : 'malformed');
}

function readEnvoy(text: string): Identity {
  const elements = text.match(ELEMENTS) ?? [];
  if (elements.length > 1) throw new IdentityError('several-certificates');
  if (elements[0] !== text) throw new IdentityError('malformed'); // a quote does not end
  const pairs = (text.match(PAIRS) ?? []).map((pair): [string, string] => {
    const at = pair.indexOf('=');
    return [pair.slice(0, Math.max(0, at)).trim().toLowerCase(), pair.slice(at + 1).trim()];
  });
  const valuesOf = (name: string): string[] =>
    pairs.filter(([own]) => own === name).map(([, value]) => value);
  const [hash = '', ...hashes] = valuesOf('hash');
  const [subject = '', ...subjects] = valuesOf('subject');
  if (hashes.length + subjects.length > 0) throw new IdentityError('several-certificates');
  const quoted = /^"(.*)"$/s.exec(subject)?.[1];
  if (!/^[0-9a-f]{64}$/i.test(hash) || quoted === undefined) throw new IdentityError('malformed');
  const parts = quoted.replaceAll(/\\(["\\])/g, '$1').match(PARTS) ?? [];
  return identityOf(parts.filter((part) => part.startsWith('OU=')).map((part) => part.slice(3)));
}
