/** A broker that listens on a free port, and a platform that calls it. */
import {
  BROKER_PREFIX,
  type BrokerCall,
  type BrokerOptions,
  createBroker,
} from '../../broker/api.ts';
import { StoreAwayError } from '../../broker/binding-store.ts';
import { type Key, readKey } from '../../broker/key.ts';
import { DEFAULT_OFFERING, type Offering } from '../../broker/offering.ts';
import { createOperations, type OperationsOptions } from '../../broker/operations.ts';
import { KeyRing } from '../../broker/seal.ts';
import { serveFrame } from '../serve/frame-server.ts';
import { MemoryBindingStore } from '../support/memory-store.ts';

export const KEY: Key = readKey(Buffer.alloc(32, 7).toString('base64'));
export const BASE_URL = 'https://promgate.example.com';
export const VERSIONS = ['2.13', '2.14', '2.15', '2.16', '2.17'] as const;
export const ADMIN = 'admin:päss:word';
/** Sees the spaces `space-1` and `space-2`. */
export const DEVELOPER = 'developer:secret';

/** The catalog without a push gateway, and with one. */
export const PUSH_PLAN = { id: 'push-plan-id', name: 'push' };
export const OFFERINGS: Readonly<Record<string, Offering>> = {
  'one plan': DEFAULT_OFFERING,
  'two plans': { ...DEFAULT_OFFERING, pushPlan: PUSH_PLAN },
};

const { serviceId, planId } = DEFAULT_OFFERING;
export const IDS = { service_id: serviceId, plan_id: planId };
export const IDS_QUERY = `service_id=${serviceId}&plan_id=${planId}`;
export const PROVISION = { ...IDS, organization_guid: 'org-1', space_guid: 'space-1' };
export const BIND = { ...IDS, bind_resource: { app_guid: 'app-1', space_guid: 'space-1' } };

/** A store in memory, whose every method rejects while it is away. */
interface TestStore extends MemoryBindingStore {
  away: boolean;
}

function openStore(): TestStore {
  const store = Object.assign(new MemoryBindingStore(), { away: false });
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (target.away) return () => Promise.reject(new StoreAwayError('the test says so'));
      return value.bind(target);
    },
  });
}

interface Sending {
  /** An object is sent as JSON, text and bytes as they are. */
  readonly body?: object | string;
  /** `name:password`; '' for none. */
  readonly credential?: string;
  /** '' for none. */
  readonly version?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Received {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; undefined without a body. */
  // biome-ignore lint/suspicious/noExplicitAny: the tests look at it
  readonly json: any;
}

export interface BrokerServer extends AsyncDisposable {
  readonly url: string;
  readonly store: TestStore;
  /** What `onCall` was told. */
  readonly calls: BrokerCall[];
  /** How often `onChange` was called. */
  readonly changes: () => number;
  /** Forgets what was asked before, for tests that share it. */
  forget(): void;
  /** @param path - below the prefix */
  send(method: string, path: string, sending?: Sending): Promise<Received>;
}

type BrokerServerOptions = Partial<Omit<BrokerOptions, 'operations'> & OperationsOptions>;

export async function startBroker(options: BrokerServerOptions = {}): Promise<BrokerServer> {
  const store = openStore();
  const calls: BrokerCall[] = [];
  let changes = 0;
  const operations = createOperations({
    store,
    keys: new KeyRing(KEY),
    offering: DEFAULT_OFFERING,
    adopt: false,
    maxTimeoutMs: 60_000,
    onChange: async () => {
      changes += 1;
    },
    ...options,
  });
  const broker = createBroker({
    operations: () => operations,
    accounts: [
      { username: 'admin', password: 'päss:word' },
      { username: 'developer', password: 'secret', spaces: ['space-1', 'space-2'] },
    ],
    baseUrl: () => BASE_URL,
    onCall: (call) => {
      calls.push(call);
    },
    ...options,
  });
  const server = await serveFrame({ mounts: [{ prefix: BROKER_PREFIX, ...broker }] });
  return {
    ...{ url: server.url, store, calls },
    changes: () => changes,
    forget() {
      store.instances.clear();
      store.bindings.clear();
      calls.length = 0;
      changes = 0;
    },
    send: (method, path, sending) => send(`${server.url}${BROKER_PREFIX}${path}`, method, sending),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function send(url: string, method: string, sending: Sending = {}): Promise<Received> {
  const { body, credential = ADMIN, version = '2.17', headers = {} } = sending;
  const all = new Headers(headers);
  if (credential) all.set('Authorization', basic(credential));
  if (version) all.set('X-Broker-API-Version', version);
  const answer = await fetch(url, {
    method,
    headers: all,
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  const json = text === '' ? undefined : JSON.parse(text);
  return { status: answer.status, headers: answer.headers, text, json };
}

export function basic(credential: string): string {
  return `Basic ${Buffer.from(credential).toString('base64')}`;
}
