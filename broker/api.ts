/**
 * The Open Service Broker API 2.17 over HTTP, for platforms that speak 2.13 to 2.17.
 *
 * This file checks the caller and the version, and finds the operation; `operations.ts` answers.
 * All operations are synchronous: the broker ignores `accepts_incomplete`.
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

/** The prefix of all paths of the broker. */
export const BROKER_PREFIX = '/broker/v2';
const INSTANCE = `${BROKER_PREFIX}/service_instances/:instance`;
const BINDING = `${INSTANCE}/service_bindings/:binding`;

export interface BrokerOptions {
  /** @throws {StoreAwayError} until the database has been opened */
  readonly operations: () => Operations;
  /** If the list is empty, the broker refuses every call. */
  readonly accounts: readonly Account[];
  /** The URL of promgate without a trailing `/`: `https://promgate.example.com`. */
  readonly baseUrl: (ctx: ParameterizedContext) => string;
  /** Counts a wrong or missing credential; the broker answers when the promise resolves. */
  readonly onWrongCredential?: (ctx: ParameterizedContext) => Promise<WrongTry>;
  /** Called once for each request, after its answer is written into the context. */
  readonly onCall?: (call: BrokerCall) => void;
}

/** A call without a valid credential. */
interface WrongTry {
  /** The address of the sender. */
  readonly address: string;
  /** The number of recent calls of this kind from the address, including this call. */
  readonly count: number;
}

/** A request as log and metrics report it. */
export interface BrokerCall {
  /** `none` until the router has found the operation. */
  operation: Operation | 'none';
  status: number;
  /** The user name of the account that calls; undefined if the credential is wrong. */
  account: string | undefined;
  /** The id of the platform's user, in printable ASCII. */
  readonly userId: string | undefined;
  /** The id of the platform's request, in printable ASCII. */
  readonly requestIdentity: string | undefined;
  /** Percent-decoded, with any characters; '' if the request names no instance. */
  instanceId: string;
  bindingId: string;
  /** Why the status is 4xx or 5xx; `cause` holds the error if the fault is not the caller's. */
  error: Refusal | undefined;
  /** Undefined unless the credential is wrong. */
  wrongTry: WrongTry | undefined;
}

/** The parts of an HTTP server that answer everything below `BROKER_PREFIX`. */
export interface Broker {
  /** Passes on calls with a valid credential and a supported version; refuses others. */
  readonly admit: Middleware;
  /** Answers an error; its property `allow`, the path's methods, marks a request without route. */
  readonly errors: (ctx: ParameterizedContext, error: unknown) => Promise<void>;
  /** One route for each operation; the route's name is the operation's. */
  readonly router: Router;
}

/** What `admit` learns of a call, for the operation. */
interface Caller {
  readonly account: Account;
  /** The `<minor>` of API version `2.<minor>`. */
  readonly minorVersion: number;
}

/** Builds the broker's router and its middleware; opens nothing. */
export function createBroker(options: BrokerOptions): Broker {
  const { accounts, onWrongCredential, onCall } = options;
  const authenticate = accountsGate(accounts);
  const calls = new WeakMap<ParameterizedContext['req'], BrokerCall>();
  const callers = new WeakMap<ParameterizedContext['req'], Caller>();

  const finish = (ctx: ParameterizedContext, answer: Answer): void => {
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
    if (ctx.req.destroyed && !ctx.req.complete) throw error; // the caller has disconnected
    const call = calls.get(ctx.req) ?? newCall(ctx);
    call.error = asRefusal(error);
    const { reason, status, body, headers } = call.error;
    if (reason === 'unauthorized') call.wrongTry = await onWrongCredential?.(ctx);
    finish(ctx, { status, text: JSON.stringify(body), headers });
  };

  const run = operationsOf(options, { calls, callers, finish });
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
  readonly finish: (ctx: ParameterizedContext, answer: Answer) => void;
}

function operationsOf(
  { operations, baseUrl }: BrokerOptions,
  { calls, callers, finish }: CallSteps,
) {
  const bodies = new BodyReader();
  return (operation: Operation) => async (ctx: RouterContext) => {
    const [instance = '', binding = ''] = ctx.captures ?? [];
    const ids = { instanceId: decodeId(instance), bindingId: decodeId(binding) };
    Object.assign(calls.get(ctx.req)!, { operation, ...ids }); // `admit` has set it
    const answer = await operations()[operation]({
      ...ids,
      ...callers.get(ctx.req)!,
      query: new URLSearchParams(ctx.querystring),
      ifNoneMatch: ctx.get('If-None-Match'),
      baseUrl: baseUrl(ctx),
      body: () => bodies.read(ctx.req),
    });
    finish(ctx, answer);
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
      'the secrets of this binding cannot be decrypted: the operator must configure the key that encrypted them';
    return new Refusal('unreadable', description, { cause: error });
  }
  return new Refusal('internal', "the broker failed: promgate's log has the cause", {
    cause: error,
  });
}

/** @param allow - the path's methods, separated by commas; '' if there is no such path */
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
  ctx.set('Cache-Control', 'no-store'); // answers may hold credentials
  if (requestIdentity) ctx.set('X-Broker-API-Request-Identity', requestIdentity);
  ctx.set({ ...headers });
  if (text === '') return;
  ctx.set('Content-Type', 'application/json');
  ctx.body = text;
}
