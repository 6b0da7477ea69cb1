/** A nats-server, a source that listens to it, and an emitter that registers routes. */
import assert from 'node:assert/strict';
import { connect } from '@nats-io/transport-node';
import { type NatsOptions, type NatsSource, startNats } from '../../src/discover/nats-source.ts';
import { RouteTable, type RouteTableOptions } from '../../src/discover/route-table.ts';
import { eventually } from '../support/eventually.ts';
import { type FakeClock, fakeClock } from '../support/fake-clock.ts';
import { type NatsServer, startNatsServer } from '../support/nats-server.ts';
import type { Skippable } from '../support/require-program.ts';
import { listing } from './endpoints.ts';
import { type Seen, seen } from './seen.ts';

export interface NatsBus extends AsyncDisposable {
  readonly server: NatsServer;
  readonly source: NatsSource;
  readonly table: RouteTable;
  readonly clock: FakeClock;
  readonly told: Seen;
  /** Publishes a message, JSON unless it is a string, and waits until the source has seen it. */
  send(subject: string, message: unknown): Promise<void>;
  /** Publishes messages and does not wait for the source. */
  publish(subject: string, messages: readonly unknown[]): Promise<void>;
  /** What is listed, the marks of `send` left out. */
  listed(): Record<string, string[]>;
  /** Waits until this is listed. */
  lists(expected: Record<string, string[]>): Promise<void>;
  /** Waits until the source says it works, or does not, for the `count`th time in all. */
  state(count: number): Promise<void>;
}

export interface NatsBusOptions extends Partial<NatsOptions> {
  readonly configuration?: string;
  readonly table?: RouteTableOptions;
  /** As whom the emitter connects. */
  readonly emitter?: { readonly user?: string; readonly pass?: string };
}

const MARK = 'mark.example.com';

/** Starts all; resolves when the source listens. */
export async function startBus(context: Skippable, options: NatsBusOptions = {}): Promise<NatsBus> {
  const { configuration, table: tableOptions, emitter, ...natsOptions } = options;
  await using parts = new AsyncDisposableStack();
  const server = parts.use(await startNatsServer(context, configuration));
  const table = new RouteTable(tableOptions);
  const clock = fakeClock();
  const told = seen();
  const servers = [`nats://${server.address}`];
  const dial = (): Promise<boolean> => Promise.resolve(false);
  const source = parts.use(
    startNats({ servers, clock, dial, ...natsOptions }, table, told.observers),
  );
  const listed = (): Record<string, string[]> => {
    const { [MARK]: _, ...rest } = listing(table);
    return rest;
  };
  const state = async (count: number): Promise<void> => {
    await eventually(`state ${count}`, () => told.states[count - 1]);
  };
  const publish = async (subject: string, messages: readonly unknown[]): Promise<void> => {
    await using connection = await connect({ servers: server.address, ...emitter });
    for (const message of messages) {
      const text = typeof message === 'string' ? message : JSON.stringify(message);
      connection.publish(subject, text);
    }
  };
  let marks = 0;
  const owned = parts.move();
  const bus: NatsBus = {
    server,
    source,
    table,
    clock,
    told,
    async send(subject, message) {
      const address = `mark-${marks++}.example.com:1`;
      const mark = { host: address.slice(0, -2), tls_port: 1, uris: [MARK] };
      await publish(subject, [message]);
      await publish('router.register', [mark]);
      await eventually('the message to be seen', () =>
        listing(table)[MARK]?.includes(address) ? true : undefined,
      );
    },
    publish,
    listed,
    async lists(expected) {
      await eventually('the listing', () => {
        assert.deepEqual(listed(), expected);
        return true;
      });
    },
    state,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
  if (configuration === undefined) await state(1);
  return bus;
}
