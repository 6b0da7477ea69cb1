/**
 * Checks who may read what: operators send a name and password, tenants the token of a binding.
 *
 * Checking a password takes the same time whether or not the password is right: promgate compares
 * hashes of equal length, always with all operators. promgate looks a token up by the token's hash.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7617
 * @see https://www.rfc-editor.org/rfc/rfc6750#section-2.1
 */
import { createHmac, createSecretKey, randomBytes, timingSafeEqual } from 'node:crypto';
import { findToken } from '../fetch/token.ts';
import { Problem } from './errors.ts';
import type { Handler, RequestContext } from './request.ts';
import { pushes, type Scope } from './scope.ts';

interface Operator {
  readonly username: string;
  readonly password: string;
}

/** Finds what the tokens of bindings give access to. */
export interface Tokens {
  /** @returns undefined for a token of no binding; `unsure` if the database does not answer */
  scopeOf(token: string): Promise<Scope | 'unsure' | undefined>;
}

export interface AuthOptions {
  /**
   * `basic` accepts an operator's name and password. `token` accepts the token of a binding, or an
   * operator's password as if it were a token. `both` accepts all of these.
   */
  readonly mode: 'basic' | 'token' | 'both';
  readonly operators: readonly Operator[];
  readonly tokens: Tokens;
  /**
   * What a reader without `Authorization` may see by its certificate. Throws a `Problem` for a
   * certificate that gives no access. Default: certificates give none.
   */
  readonly identities?: { scopeOf(req: RequestContext['req']): Scope | undefined } | undefined;
  /** Delays the answer to a wrong credential until the promise resolves. Default: no delay. */
  readonly onWrong?: (ctx: RequestContext) => Promise<unknown>;
}

/** Admits every reader. */
export const admitAll: Handler = (ctx, next) => {
  refuseTokenInTarget(ctx);
  return next();
};

/** Admits only readers who may see everything: for routes that tenants must not use. */
export const operatorsOnly: Handler = (ctx, next) => {
  if (ctx.state.scope === 'all') return next();
  throw new Problem('forbidden', "this path needs an operator's credential");
};

const PUSHES_ONLY =
  'the token is of a binding of the push plan, and reads only its own metrics at /push/metrics: ' +
  'bind a service of the other plan to read the pages of apps';
const READS_ONLY =
  'the token is of a binding that reads the pages of apps: bind a service of the push plan to push';

/** Admits whom `admit` admits, but no token of the push plan: for all that is not the push gateway. */
export function readersOnly(admit: Handler): Handler {
  return (ctx, next) =>
    admit(ctx, () => {
      if (pushes(ctx.state.scope)) throw new Problem('forbidden', PUSHES_ONLY);
      return next();
    });
}

/** Admits whom `admit` admits, but only operators and tokens of the push plan: the push gateway. */
export function pushersOnly(admit: Handler): Handler {
  return (ctx, next) =>
    admit(ctx, () => {
      const { scope } = ctx.state;
      if (scope !== 'all' && !pushes(scope)) throw new Problem('forbidden', READS_ONLY);
      return next();
    });
}

const BASIC = 'Basic realm="promgate", charset="UTF-8"';
const BEARER = 'Bearer realm="promgate"';
const CHALLENGES = { basic: BASIC, token: `${BEARER}, ${BASIC}`, both: `${BASIC}, ${BEARER}` };
const WANTED = {
  basic: "an operator's name and password by basic auth",
  token: "a binding's token, as bearer or as the password of basic auth",
  both: "an operator's name and password by basic auth, or a binding's token as bearer",
};

/**
 * Refuses a request whose path or query holds a token: the token would get into the logs of proxies
 * and of apps.
 *
 * @throws {Problem} `bad-request`
 */
function refuseTokenInTarget({ req }: RequestContext): void {
  if (findToken(req.url ?? '') === undefined) return;
  const remedy =
    'send it in the header Authorization, and replace it, since logs of proxies may hold it';
  throw new Problem('bad-request', `the path or query holds a binding's token: ${remedy}`);
}

/** Requires a credential, and sets what the reader may see. */
export function requireCredential({
  mode,
  operators,
  tokens,
  identities,
  onWrong,
}: AuthOptions): Handler {
  const known = new Operators(operators);
  return async (ctx, next) => {
    refuseTokenInTarget(ctx);
    const authorization = ctx.get('Authorization');
    const sent = readCredential(authorization);
    const scope =
      authorization === '' ? identities?.scopeOf(ctx.req) : sent && (await scopeOf(sent));
    if (scope === 'unsure') throw uncheckable();
    if (scope === undefined) {
      if (sent !== undefined) await onWrong?.(ctx);
      throw new Problem('unauthorized', `send ${WANTED[mode]}`, {
        headers: { 'WWW-Authenticate': CHALLENGES[mode] },
      });
    }
    ctx.state.scope = scope;
    return next();
  };

  async function scopeOf({ username, secret }: Credential): Promise<Scope | 'unsure' | undefined> {
    const isOperator = mode !== 'token' && username !== undefined && known.fits(username, secret);
    if (isOperator) return 'all';
    if (mode === 'basic') return undefined;
    return known.hasPassword(secret) ? 'all' : tokens.scopeOf(secret);
  }
}

/**
 * Admits every reader, for `auth.mode: open`. A reader that sends a token sees only what the token
 * gives access to; promgate refuses a token that is revoked or cannot be checked. `Authorization`
 * and `X-Forward-Authorization` of such a request are treated as in the other modes.
 */
export function heedToken(tokens: Tokens): Handler {
  return async (ctx, next) => {
    refuseTokenInTarget(ctx);
    const token = sentToken(ctx.req.headersDistinct['authorization']);
    if (token === undefined) return next();
    const scope = await tokens.scopeOf(token);
    if (scope === 'unsure') throw uncheckable();
    if (scope === undefined) {
      const detail = 'no binding has this token, or it was revoked: send another token or none';
      throw new Problem('unauthorized', detail, { headers: { 'WWW-Authenticate': BEARER } });
    }
    ctx.state.credentialIsOurs = true;
    ctx.state.scope = scope;
    return next();
  };
}

/** @param headers - all `Authorization` headers: `req.headers` has only the first */
function sentToken(headers: readonly string[] = []): string | undefined {
  for (const header of headers) {
    const token = findToken(header);
    if (token !== undefined) return token;
  }
  return undefined;
}

function uncheckable(): Problem {
  const detail = 'the database of bindings does not answer: try again later';
  return new Problem('tokens-unknown', detail, { headers: { 'Retry-After': '5' } });
}

class Operators {
  readonly #key = createSecretKey(randomBytes(32));
  readonly #pairs: readonly Buffer[];
  readonly #passwords: readonly Buffer[];

  constructor(operators: readonly Operator[]) {
    this.#pairs = operators.map(({ username, password }) => this.#digest(username, password));
    this.#passwords = operators.map(({ password }) => this.#digest(password));
  }

  fits(username: string, password: string): boolean {
    return isAmong(this.#digest(username, password), this.#pairs);
  }

  hasPassword(password: string): boolean {
    return isAmong(this.#digest(password), this.#passwords);
  }

  #digest(...parts: readonly string[]): Buffer {
    return createHmac('sha256', this.#key).update(parts.join(':')).digest();
  }
}

function isAmong(sent: Buffer, known: readonly Buffer[]): boolean {
  let fits = false;
  for (const expected of known) fits = timingSafeEqual(sent, expected) || fits;
  return fits;
}

interface Credential {
  /** Undefined for a bearer token. */
  readonly username: string | undefined;
  /** Password or token; never ''. */
  readonly secret: string;
}

function readCredential(header: string): Credential | undefined {
  const bearer = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(header)?.[1];
  if (bearer !== undefined) return { username: undefined, secret: bearer };
  const encoded = /^basic +([A-Za-z0-9+/_-]+={0,2}) *$/i.exec(header)?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  const secret = text.slice(colon + 1);
  return colon < 0 || secret === '' ? undefined : { username: text.slice(0, colon), secret };
}
