/** A broker that listens on a free port, and a platform that calls it. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import { type BrokerCall, type BrokerOptions, createBroker } from '../../broker/api.ts';
import { StoreAwayError } from '../../broker/binding-store.ts';
import { type Key, readKey } from '../../broker/key.ts';
import { STANDARD_OFFERING } from '../../broker/offering.ts';
import { KeyRing } from '../../broker/seal.ts';
import { MemoryBindingStore } from '../../src/store/memory.ts';

export const KEY: Key = readKey(Buffer.alloc(32, 7).toString('base64'));
export const BASE_URL = 'https://promgate.example.com';
export const VERSIONS = ['2.13', '2.14', '2.15', '2.16', '2.17'] as const;
export const ADMIN = 'admin:päss:word';
/** Sees the spaces `space-1` and `space-2`. */
export const DEVELOPER = 'developer:secret';

const { serviceId, planId } = STANDARD_OFFERING;
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
  /** @param path - below the prefix */
  send(method: string, path: string, sending?: Sending): Promise<Received>;
}

export async function startBroker(options: Partial<BrokerOptions> = {}): Promise<BrokerServer> {
  const store = openStore();
  const calls: BrokerCall[] = [];
  let changes = 0;
  const koa = new Koa();
  koa.silent = true;
  koa.use(
    createBroker({
      store,
      keys: new KeyRing(KEY),
      accounts: [
        { username: 'admin', password: 'päss:word' },
        { username: 'developer', password: 'secret', spaces: ['space-1', 'space-2'] },
      ],
      offering: STANDARD_OFFERING,
      adopt: false,
      maxTimeoutMs: 60_000,
      baseUrl: () => BASE_URL,
      onChange: async () => {
        changes += 1;
      },
      onCall: (call) => {
        calls.push(call);
      },
      ...options,
    }),
  );
  const server = createServer(koa.callback());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...{ url, store, calls },
    changes: () => changes,
    send: (method, path, sending) => send(`${url}/broker/v2${path}`, method, sending),
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
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
