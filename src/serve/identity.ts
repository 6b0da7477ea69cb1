/**
 * Instance identities: verifies the certificate that Cloud Foundry gives to each app instance, and
 * reads from its subject which app it is.
 *
 * The authority that issues these certificates is an intermediate. Only configured authorities
 * count as issuers, never certificates that a client sends along, since other certificates of the
 * platform have the same root.
 */
import { X509Certificate } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { normalizeGuid } from '../../broker/guid.ts';

/** Why a reader's certificate gives no access: a closed set. */
export const IDENTITY_FAILURES = [
  'malformed',
  'several-certificates',
  'envoy-format',
  'not-from-gorouter',
  'unknown-issuer',
  'bad-signature',
  'authority-expired',
  'expired',
  'not-yet-valid',
  'wrong-usage',
  'no-identity',
] as const;

export type IdentityFailure = (typeof IDENTITY_FAILURES)[number];

/** What was wrong, and what to do; the answer to the reader has the text. */
const TEXTS: Readonly<Record<IdentityFailure, string>> = {
  malformed: 'X-Forwarded-Client-Cert holds no certificate: see which proxy writes it',
  'several-certificates': 'X-Forwarded-Client-Cert holds several certificates: gorouter sends one',
  'envoy-format': 'the Envoy format cannot be verified: ask at a domain of envoy_domains',
  'not-from-gorouter':
    'the connection is not from the gorouter that auth.identity.gorouter.name names',
  'unknown-issuer':
    'no authority of auth.identity.ca issued the certificate: configure the instance identity CA ' +
    'and the CA above it',
  'bad-signature': 'the certificate names an authority of auth.identity.ca, which did not sign it',
  'authority-expired': 'an authority of auth.identity.ca is not valid now: replace it',
  expired: 'the certificate has expired: connect with the files that CF_INSTANCE_CERT names now',
  'not-yet-valid': 'the certificate is not valid yet: compare the clocks',
  'wrong-usage': 'the certificate is none for clients',
  'no-identity': 'the subject lacks an OU of app:, space: and organization:, each with one guid',
};

/** A certificate that gives no access. */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
  readonly failure: IdentityFailure;

  constructor(failure: IdentityFailure, options?: ErrorOptions) {
    super(TEXTS[failure], options);
    this.failure = failure;
  }
}

/** The app that a certificate names. */
export interface Identity {
  readonly appId: string;
  readonly spaceId: string;
}

/** A time from its first to its last moment. */
interface Validity {
  readonly fromMs: number;
  readonly untilMs: number;
}

interface Verified {
  readonly identity: Identity;
  readonly own: Validity;
  /** The times in which all authorities of one way to a root are valid. */
  readonly chains: readonly Validity[];
}

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const MAX_DEPTH = 6;
/** Bound on verified certificates that are remembered: each instance of each app has one. */
const MAX_KNOWN = 10_000;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

export class IdentityAuthorities {
  readonly #authorities: readonly X509Certificate[];
  /** By fingerprint. A signature costs much more than a hash. */
  readonly #known = new LRUCache<string, Verified>({ max: MAX_KNOWN });

  /**
   * @param pem - the authority of the instance identities, and those above it up to the root
   * @throws {Error} if the text holds no certificate, or one that cannot be read
   */
  constructor(pem: string) {
    const found = pem.match(CERTIFICATE) ?? [];
    if (found.length === 0) throw new Error('auth.identity.ca holds no certificate');
    this.#authorities = found.map((one) => new X509Certificate(one));
  }

  /**
   * Verifies the chain, the signatures and the times, and reads the app.
   *
   * @throws {IdentityError}
   */
  identityOf(leaf: X509Certificate, nowMs: number): Identity {
    const { identity, own, chains } = this.#verified(leaf);
    if (nowMs < own.fromMs) throw new IdentityError('not-yet-valid');
    if (nowMs > own.untilMs) throw new IdentityError('expired');
    const isValid = chains.some(({ fromMs, untilMs }) => nowMs >= fromMs && nowMs <= untilMs);
    if (!isValid) throw new IdentityError('authority-expired');
    return identity;
  }

  #verified(leaf: X509Certificate): Verified {
    const known = this.#known.get(leaf.fingerprint256);
    if (known) return known;
    const chains = this.#chains(leaf, 0);
    const usage = leaf.keyUsage as readonly string[] | undefined; // undefined without the extension
    if (leaf.ca || usage?.includes(CLIENT_AUTH) === false) throw new IdentityError('wrong-usage');
    const units: unknown = leaf.toLegacyObject().subject?.OU;
    const verified = { identity: identityOf([units].flat()), own: validity(leaf), chains };
    this.#known.set(leaf.fingerprint256, verified);
    return verified;
  }

  /** The ways from a certificate to a root. @throws {IdentityError} if there is none */
  #chains(certificate: X509Certificate, depth: number): Validity[] {
    const named = this.#authorities.filter((one) => one.ca && certificate.checkIssued(one));
    const issuers = named.filter((one) => certificate.verify(one.publicKey));
    if (issuers.length === 0) {
      throw new IdentityError(named.length === 0 ? 'unknown-issuer' : 'bad-signature');
    }
    const chains = issuers.flatMap((issuer) => {
      const own = validity(issuer);
      if (issuer.checkIssued(issuer)) return [own]; // a root
      if (depth >= MAX_DEPTH) return [];
      return this.#ways(issuer, depth + 1).map(({ fromMs, untilMs }) => ({
        fromMs: Math.max(fromMs, own.fromMs),
        untilMs: Math.min(untilMs, own.untilMs),
      }));
    });
    if (chains.length === 0) throw new IdentityError('unknown-issuer');
    return chains;
  }

  /** As `#chains`, but an authority without a way to a root is none of several. */
  #ways(authority: X509Certificate, depth: number): Validity[] {
    try {
      return this.#chains(authority, depth);
    } catch (error) {
      if (!(error instanceof IdentityError)) throw error;
      return []; // another authority of the same name may have a way
    }
  }
}

function validity({ validFromDate, validToDate }: X509Certificate): Validity {
  return { fromMs: validFromDate.getTime(), untilMs: validToDate.getTime() };
}

/**
 * Reads the app from the organizational units of a subject, such as `space:<guid>`.
 *
 * @throws {IdentityError} unless app, space and organization are each named once
 */
export function identityOf(units: readonly unknown[]): Identity {
  const guids = ['app:', 'space:', 'organization:'].map((prefix) => {
    const own = units.filter((unit) => typeof unit === 'string' && unit.startsWith(prefix));
    const guid = String(own[0]).slice(prefix.length);
    if (own.length !== 1 || !GUID.test(guid)) throw new IdentityError('no-identity');
    return normalizeGuid(guid);
  });
  return { appId: guids[0]!, spaceId: guids[1]! }; // one guid for each prefix
}
