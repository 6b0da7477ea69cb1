/**
 * The operations of the API: the status and body of each outcome.
 *
 * An operation throws a `Refusal`, whose answer `refusal.ts` defines.
 */
import type { Account } from './account.ts';
import type { BindingStore } from './binding-store.ts';
import { type BindingCall, Bindings } from './bindings.ts';
import { catalog, entityTag, hasTag } from './catalog.ts';
import { Instances, unknownInstance } from './instances.ts';
import type { Json } from './json.ts';
import type { Offering } from './offering.ts';
import { createParameterCheck, type Limits } from './parameters.ts';
import { Refusal } from './refusal.ts';
import { requireIdsInQuery } from './request.ts';
import type { KeyRing } from './seal.ts';

export interface OperationsOptions extends Limits {
  readonly store: BindingStore;
  readonly keys: KeyRing;
  readonly offering: Offering;
  /** Whether unknown instances are adopted, since Promfetcher's broker stored none. */
  readonly adopt: boolean;
  /** The guid of the space in which an app runs; undefined if unknown. */
  readonly spaceOfApp?: (appId: string) => string | undefined;
  /**
   * Called after each change in the store, before the answer. The broker answers a revocation only
   * once this promise resolves, so that the platform can rely on it. Must not reject.
   */
  readonly onChange?: () => Promise<unknown>;
}

export const OPERATIONS = [
  ...['catalog', 'provision', 'update', 'deprovision', 'fetch-instance', 'instance-operation'],
  ...['bind', 'unbind', 'fetch-binding', 'binding-operation'],
] as const;

export type Operation = (typeof OPERATIONS)[number];

/** A request of an authenticated caller. */
interface Request {
  /** '' if the operation has no instance. */
  readonly instanceId: string;
  /** '' if the operation has no binding. */
  readonly bindingId: string;
  readonly account: Account;
  /** The `<minor>` of API version `2.<minor>`. */
  readonly minorVersion: number;
  readonly query: URLSearchParams;
  readonly ifNoneMatch: string;
  /** The URL of promgate, without a trailing `/`. */
  readonly baseUrl: string;
  /** Reads the body; may be called once. */
  readonly body: () => Promise<Json>;
}

export interface Answer {
  readonly status: number;
  /** JSON, or '' if the status allows no body. */
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Operations = Readonly<
  Record<Operation, (request: Request) => Answer | Promise<Answer>>
>;

export function createOperations(options: OperationsOptions): Operations {
  const { offering, spaceOfApp = () => undefined, onChange = async () => undefined } = options;
  const check = createParameterCheck(options);
  const instances = new Instances({ ...options, check, onChange });
  const bindings = new Bindings({ ...options, check, instances, spaceOfApp, onChange });
  return {
    catalog: (request) => answerCatalog(offering, request),
    provision: async ({ account, instanceId, body }) =>
      answer((await instances.provision(account, instanceId, await body())) ? 201 : 200),
    update: async ({ account, instanceId, body }) => {
      await instances.update(account, instanceId, await body());
      return answer(200);
    },
    deprovision: async ({ account, instanceId, query }) => {
      requireIdsInQuery(query);
      return answer((await instances.deprovision(account, instanceId)) ? 200 : 410);
    },
    'fetch-instance': async ({ account, instanceId, query }) =>
      answer(200, await instances.fetch(account, instanceId, query)),
    'instance-operation': async ({ account, instanceId }) => {
      if (!(await instances.find(account, instanceId))) throw unknownInstance();
      return SUCCEEDED;
    },
    bind: async (request) => {
      const { created, credentials } = await bindings.bind(callOf(request), await request.body());
      return answer(created ? 201 : 200, { credentials });
    },
    unbind: async (request) => {
      requireIdsInQuery(request.query);
      return answer((await bindings.unbind(callOf(request))) ? 200 : 410);
    },
    'fetch-binding': async (request) => answer(200, await bindings.fetch(callOf(request))),
    'binding-operation': async (request) => {
      if (await bindings.find(callOf(request))) return SUCCEEDED;
      throw new Refusal('not-found', 'there is no such binding');
    },
  };
}

/** The body is at least `{}`: platforms call an empty body malformed. */
function answer(status: number, body: object = {}): Answer {
  return { status, text: JSON.stringify(body) };
}

/** The state of every operation, since all are synchronous. */
const SUCCEEDED = answer(200, { state: 'succeeded' });

function answerCatalog(offering: Offering, request: Request): Answer {
  const { minorVersion, baseUrl, ifNoneMatch } = request;
  const text = JSON.stringify(catalog({ offering, minorVersion, baseUrl }));
  const tag = entityTag(text);
  const headers = { ETag: tag, Vary: 'X-Broker-API-Version', 'Cache-Control': 'private, no-cache' };
  return hasTag(ifNoneMatch, tag)
    ? { status: 304, text: '', headers }
    : { status: 200, text, headers };
}

function callOf({ account, instanceId, bindingId, baseUrl }: Request): BindingCall {
  return { account, instanceId, id: bindingId, baseUrl };
}
