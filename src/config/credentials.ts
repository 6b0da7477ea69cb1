/**
 * Settings that several sections share: user names, passwords, certificates, and their rules.
 */
import { file, optional, type Rule, section, text } from './setting.ts';

const USERNAME = /^[^:\p{Cc}]{1,256}$/u; // RFC 7617, 2: no colon, no control characters
const PASSWORD = /^[^\p{Cc}]{1,1024}$/u;

export const username = (description: string) =>
  text(description, { allowed: 'a text without colons and control characters', pattern: USERNAME });

export const password = (description: string) =>
  text(description, {
    allowed: 'a text without control characters, at most 1024 long',
    pattern: PASSWORD,
    secret: true,
  });

/** The rules that both keys are set, or neither. */
export function together<K extends string>(first: K, second: K): Rule<K>[] {
  const missing = (key: K, other: K): Rule<K> => ({
    key,
    holds: (values) => values[key] !== undefined || values[other] === undefined,
    otherwise: `must be set, since ${other} is`,
  });
  return [missing(first, second), missing(second, first)];
}

export function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

export function clientTls(description: string) {
  return optional(
    section(
      description,
      {
        ca: optional(file('Authorities of the server certificate, PEM.', 'certificate')),
        cert: optional(file('Client certificate of promgate, PEM.', 'certificate')),
        key: optional(file('Key of the client certificate, PEM.', 'key')),
      },
      together('cert', 'key'),
    ),
  );
}

interface TlsValues {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** Gives the values of `clientTls` the program's names. */
export function tlsFiles(tls: TlsValues | undefined) {
  return tls && { caFile: tls.ca, certFile: tls.cert, keyFile: tls.key };
}
