/**
 * Who may read: the operators' names and passwords, by basic auth.
 *
 * Comparison takes the same time whatever was sent: hashes of equal length are compared, with every
 * operator, whether or not one before it fitted.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7617
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Problem } from './errors.ts';
import type { Handler } from './request.ts';

export interface Operator {
  readonly username: string;
  readonly password: string;
}

/** Paths that are answered without a credential. */
const PUBLIC: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/doc']);

const CHALLENGE = 'Basic realm="promgate", charset="UTF-8"';

/** Asks for an operator's credential everywhere but on the public paths. */
export function requireOperator(operators: readonly Operator[]): Handler {
  const key = randomBytes(32);
  const digest = (text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const known = operators.map(({ username, password }) => digest(`${username}:${password}`));
  return (ctx, next) => {
    if (PUBLIC.has(ctx.state.target.path)) return next();
    const sent = digest(readCredential(ctx.get('Authorization')) ?? '');
    let fits = false;
    for (const expected of known) fits = timingSafeEqual(sent, expected) || fits;
    if (fits) return next();
    throw new Problem('unauthorized', "send an operator's name and password by basic auth", {
      headers: { 'WWW-Authenticate': CHALLENGE },
    });
  };
}

/** @returns `name:password`, or undefined if the header holds none */
function readCredential(header: string): string | undefined {
  const encoded = /^basic +([A-Za-z0-9+/_-]+={0,2}) *$/i.exec(header)?.[1];
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8');
}
