/**
 * The Open Service Broker API 2.17 over HTTP, for platforms that speak 2.13 to 2.17.
 *
 * Who calls, in which version, what is asked; `operations.ts` has the answers. All operations are
 * synchronous: `accepts_incomplete` is ignored.
 *
 * @see https://github.com/openservicebrokerapi/servicebroker/blob/v2.17/spec.md
 */
import { Router, type RouterContext } from '@koa/router';
import type { Middleware, ParameterizedContext } from 'koa';
import { type Account, accountsGate } from './account.ts';
import { StoreAwayError } from './binding-store.ts';
import { BodyReader } from './body.ts';
import { readRequestIdentity, readUserId } from './caller.ts';
import type { Answer, Operation, Operations } from './operations.ts';
import { decodeId } from './path.ts';
import { Refusal } from './refusal.ts';
import { SealError } from './seal.ts';
import { readMinorVersion } from './version.ts';

/** All paths of the broker are below it. */
export const BROKER_PREFIX = '/broker/v2';
const INSTANCE = `${BROKER_PREFIX}/service_instances/:instance`;
const BINDING = `${INSTANCE}/service_bindings/:binding`;

export interface BrokerOptions {
  /** @throws {StoreAwayError} while there is no database */
  readonly operations: () => Operations;
  /** Without any, nobody gets in. */
  readonly accounts: readonly Account[];
  /** Where promgate is reached, without a `/` at its end: `https://promgate.example.com`. */
  readonly baseUrl: (ctx: ParameterizedContext) => string;
  /** Counts a wrong credential, or a missing one, and lets its sender wait for the answer; default: nobody waits. */
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

/** The parts of an HTTP server that answer everything below `BROKER_PREFIX`. */
export interface Broker {
  /** Lets a call of an account pass, in a version that is spoken. */
  readonly admit: Middleware;
  /** Answers what went wrong; an error that names the methods that a path has (`allow`) says that no route fits. */
  readonly errors: (ctx: ParameterizedContext, error: unknown) => Promise<void>;
  /** A route for each operation, by its name. */
  readonly router: Router;
}

/** What is known of a call between the steps of its answer. */
interface Caller {
  readonly account: Account;
  /** Of `2.<minor>`. */
  readonly minorVersion: number;
}

export function createBroker(options: BrokerOptions): Broker {
  const { accounts, onWrongCredential, onCall } = options;
  const authenticate = accountsGate(accounts);
  const calls = new WeakMap<ParameterizedContext['req'], BrokerCall>();
  const callers = new WeakMap<ParameterizedContext['req'], Caller>();

  const tell = (ctx: ParameterizedContext, answer: Answer): void => {
    const call = calls.get(ctx.req) ?? newCall(ctx);
    call.status = answer.status;
    write(ctx, answer, call.requestIdentity);
    onCall?.(call);
  };

  const admit: Middleware = (ctx, next) => {
    const call = newCall(ctx);
    calls.set(ctx.req, call);
    const account = authenticate(ctx.get('Authorization'));
    call.account = account.username;
    const minorVersion = readMinorVersion(ctx.get('X-Broker-API-Version'));
    callers.set(ctx.req, { account, minorVersion });
    return next();
  };

  const errors: Broker['errors'] = async (ctx, error) => {
    if (ctx.req.destroyed && !ctx.req.complete) throw error; // the caller left: nobody to answer
    const call = calls.get(ctx.req) ?? newCall(ctx);
    call.error = asRefusal(error);
    const { reason, status, body, headers } = call.error;
    if (reason === 'unauthorized') call.wrongTry = await onWrongCredential?.(ctx);
    tell(ctx, { status, text: JSON.stringify(body), headers });
  };

  const run = operationsOf(options, { calls, callers, tell });
  const router = new Router({ strict: true, sensitive: true })
    .get('catalog', `${BROKER_PREFIX}/catalog`, run('catalog'))
    .put('provision', INSTANCE, run('provision'))
    .patch('update', INSTANCE, run('update'))
    .delete('deprovision', INSTANCE, run('deprovision'))
    .get('fetch-instance', INSTANCE, run('fetch-instance'))
    .get('instance-operation', `${INSTANCE}/last_operation`, run('instance-operation'))
    .put('bind', BINDING, run('bind'))
    .delete('unbind', BINDING, run('unbind'))
    .get('fetch-binding', BINDING, run('fetch-binding'))
    .get('binding-operation', `${BINDING}/last_operation`, run('binding-operation'));
  return { admit, errors, router };
}

interface CallSteps {
  readonly calls: WeakMap<ParameterizedContext['req'], BrokerCall>;
  readonly callers: WeakMap<ParameterizedContext['req'], Caller>;
  readonly tell: (ctx: ParameterizedContext, answer: Answer) => void;
}

function operationsOf({ operations, baseUrl }: BrokerOptions, { calls, callers, tell }: CallSteps) {
  const bodies = new BodyReader();
  return (operation: Operation) => async (ctx: RouterContext) => {
    const [instance = '', binding = ''] = ctx.captures ?? [];
    const ids = { instanceId: decodeId(instance), bindingId: decodeId(binding) };
    Object.assign(calls.get(ctx.req)!, { operation, ...ids }); // it was admitted
    const answer = await operations()[operation]({
      ...ids,
      ...callers.get(ctx.req)!,
      query: new URLSearchParams(ctx.querystring),
      ifNoneMatch: ctx.get('If-None-Match'),
      baseUrl: baseUrl(ctx),
      body: () => bodies.read(ctx.req),
    });
    tell(ctx, answer);
  };
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
  if (error instanceof Error && 'allow' in error) return unrouted(String(error.allow));
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

/** @param allow - the methods that the path has; '' when there is no such path */
function unrouted(allow: string): Refusal {
  if (allow === '') return new Refusal('not-found', 'the broker has nothing at this path');
  const methods = allow.replaceAll(',', ', ');
  return new Refusal('method-not-allowed', `allowed are ${methods}`, {
    headers: { Allow: methods },
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
