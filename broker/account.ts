/**
 * The accounts that may call the broker, and the spaces that each account serves.
 *
 * @see https://github.com/openservicebrokerapi/servicebroker/blob/v2.17/spec.md#platform-to-service-broker-authentication
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { isSameGuid } from './guid.ts';
import { Refusal } from './refusal.ts';

/** A credential of the platform. */
export interface Account {
  readonly username: string;
  readonly password: string;
  /** Guids of the spaces whose instances and bindings the account may use; undefined: all. */
  readonly spaces?: readonly string[] | undefined;
}

const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="promgate broker", charset="UTF-8"' };

/**
 * Finds the account of an `Authorization` header, in a time that does not depend on the header.
 *
 * @throws {Refusal} `unauthorized`
 */
export type Authenticate = (authorization: string) => Account;

/** @param accounts - if two share name and password, the first one counts */
export function accountsGate(accounts: readonly Account[]): Authenticate {
  const key = randomBytes(32);
  const digest = (text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const known = accounts.map((account) => ({
    account,
    expected: digest(`${account.username}:${account.password}`),
  }));
  return (authorization) => {
    const sent = digest(readCredential(authorization) ?? '');
    let found: Account | undefined;
    for (const { account, expected } of known) {
      if (timingSafeEqual(sent, expected)) found ??= account;
    }
    if (found) return found;
    const description = "send the broker's name and password by basic auth";
    throw new Refusal('unauthorized', description, { headers: CHALLENGE });
  };
}

/** @returns `name:password`, or undefined if the header holds no basic credential */
function readCredential(header: string): string | undefined {
  const encoded = /^basic +([A-Za-z0-9+/_-]+={0,2}) *$/i.exec(header)?.[1];
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8');
}

/** Whether the account may read and change instances and bindings of this space. */
export function seesSpace({ spaces }: Account, spaceId: string): boolean {
  return spaces === undefined || (spaceId !== '' && spaces.some((id) => isSameGuid(id, spaceId)));
}

/** @throws {Refusal} `unacceptable` if the account does not serve this space */
export function requireSpace(account: Account, spaceId: string): void {
  if (seesSpace(account, spaceId)) return;
  const space = spaceId === '' ? 'no space' : `the space ${JSON.stringify(spaceId)}`;
  const description = `this broker serves certain spaces only, and the request names ${space}`;
  throw new Refusal('unacceptable', description);
}
