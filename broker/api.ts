/**
 * The Open Service Broker API 2.17 over HTTP, for platforms that speak 2.13 to 2.17.
 *
 * Who calls, in which version, what is asked; `operations.ts` has the answers. All operations are
 * synchronous: `accepts_incomplete` is ignored.
 *
 * @see https://github.com/openservicebrokerapi/servicebroker/blob/v2.17/spec.md
 */
import type { Middleware, ParameterizedContext } from 'koa';
import { type Account, accountsGate } from './account.ts';
import { StoreAwayError } from './binding-store.ts';
import { BodyReader } from './body.ts';
import { readRequestIdentity, readUserId } from './caller.ts';
import { type Answer, createOperations, type OperationsOptions } from './operations.ts';
import { type Operation, parsePath } from './path.ts';
import { Refusal } from './refusal.ts';
import { SealError } from './seal.ts';
import { readMinorVersion } from './version.ts';

const BROKER_PREFIX = '/broker/v2';

export interface BrokerOptions extends OperationsOptions {
  /** Without any, nobody gets in. */
  readonly accounts: readonly Account[];
  /** Where promgate is reached, without a `/` at its end: `https://promgate.example.com`. */
  readonly baseUrl: (ctx: ParameterizedContext) => string;
  /** Counts a wrong credential, or a missing one, and lets its sender wait for the answer; standard: nobody waits. */
  readonly onWrongCredential?: (ctx: ParameterizedContext) => Promise<WrongTry>;
  /** Called once for each request, when its answer stands. */
  readonly onCall?: (call: BrokerCall) => void;
}

/** A call without the credential of an account. */
interface WrongTry {
  /** Whence it came. */
  readonly address: string;
  /** How many came from there lately, with this one. */
  readonly count: number;
}

/** What there is to say of a request, for log and metrics. */
export interface BrokerCall {
  /** `none` while the request has not got so far. */
  operation: Operation | 'none';
  status: number;
  /** The name of the account that calls. */
  account: string | undefined;
  /** Of the platform's user, printable. */
  readonly userId: string | undefined;
  /** Of the platform's request, printable. */
  readonly requestIdentity: string | undefined;
  /** Decoded: any characters; '' where the request names none. */
  instanceId: string;
  bindingId: string;
  /** Why the status is 4xx or 5xx; its cause for what is not the caller's fault. */
  error: Refusal | undefined;
  /** Undefined for a right credential. */
  wrongTry: WrongTry | undefined;
}

/** Answers everything below `/broker/v2`; passes on what is not. */
export function createBroker(options: BrokerOptions): Middleware {
  const { accounts, baseUrl, onWrongCredential, onCall } = options;
  const authenticate = accountsGate(accounts);
  const operations = createOperations(options);
  const bodies = new BodyReader();

  async function handle(ctx: ParameterizedContext, path: string, call: BrokerCall) {
    const account = authenticate(ctx.get('Authorization'));
    call.account = account.username;
    const minorVersion = readMinorVersion(ctx.get('X-Broker-API-Version'));
    const target = parsePath(path, ctx.method);
    Object.assign(call, target);
    return operations[target.operation]({
      ...target,
      account,
      minorVersion,
      query: new URLSearchParams(splitTarget(ctx.req.url)[1]),
      ifNoneMatch: ctx.get('If-None-Match'),
      baseUrl: baseUrl(ctx),
      body: () => bodies.read(ctx.req),
    });
  }

  return async (ctx, next) => {
    const path = belowPrefix(splitTarget(ctx.req.url)[0]);
    if (path === undefined) return next();
    const call = newCall(ctx);
    let answer: Answer;
    try {
      answer = await handle(ctx, path, call);
    } catch (error) {
      if (ctx.req.destroyed && !ctx.req.complete) throw error; // the caller left: nobody to answer
      call.error = asRefusal(error);
      const { reason, status, body, headers } = call.error;
      if (reason === 'unauthorized') call.wrongTry = await onWrongCredential?.(ctx);
      answer = { status, text: JSON.stringify(body), headers };
    }
    call.status = answer.status;
    write(ctx, answer, call.requestIdentity);
    onCall?.(call);
  };
}

/** @returns path and query as sent; koa's own are decoded, or resolved */
function splitTarget(target = ''): [path: string, query: string] {
  const origin = target.replace(/^https?:\/\/[^/?#]*/i, '');
  const mark = origin.indexOf('?');
  return mark < 0 ? [origin, ''] : [origin.slice(0, mark), origin.slice(mark + 1)];
}

function belowPrefix(path: string): string | undefined {
  const rest = path.startsWith(BROKER_PREFIX) ? path.slice(BROKER_PREFIX.length) : undefined;
  return rest === '' || rest?.startsWith('/') ? rest : undefined;
}

function newCall(ctx: ParameterizedContext): BrokerCall {
  return {
    operation: 'none',
    status: 0,
    account: undefined,
    userId: readUserId(ctx.get('X-Broker-API-Originating-Identity')),
    requestIdentity: readRequestIdentity(ctx.get('X-Broker-API-Request-Identity')),
    instanceId: '',
    bindingId: '',
    error: undefined,
    wrongTry: undefined,
  };
}

function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof StoreAwayError) {
    return new Refusal('away', 'the database cannot be reached at the moment: try again later', {
      cause: error,
      headers: { 'Retry-After': '10' },
    });
  }
  if (error instanceof SealError) {
    const description =
      'the secrets of this binding cannot be read: the operator has to configure the key that they were written with';
    return new Refusal('unreadable', description, { cause: error });
  }
  return new Refusal('internal', "the broker made a mistake: promgate's log says more", {
    cause: error,
  });
}

function write(ctx: ParameterizedContext, answer: Answer, requestIdentity: string | undefined) {
  const { status, text, headers } = answer;
  ctx.status = status;
  ctx.set('Cache-Control', 'no-store'); // credentials
  if (requestIdentity) ctx.set('X-Broker-API-Request-Identity', requestIdentity);
  ctx.set({ ...headers });
  if (text === '') return;
  ctx.set('Content-Type', 'application/json');
  ctx.body = text;
}
