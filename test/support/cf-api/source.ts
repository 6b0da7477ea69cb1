/**
 * A CF API source that reads a simulated API when a test's clock says so.
 */
import { setImmediate } from 'node:timers/promises';
import { type CfApiOptions, type CfApiSource, startCfApi } from '../../../src/discover/cf-api.ts';
import { RouteTable } from '../../../src/discover/route-table.ts';
import { type Seen, seen } from '../../discover/seen.ts';
import { type FakeClock, fakeClock } from '../fake-clock.ts';
import * as simulated from './api.ts';
import type { WorldSpace } from './world.ts';

/** When the simulated time begins. */
const EPOCH_MS = Date.parse('2026-11-28T00:00:00Z');

export interface CfApiTest extends AsyncDisposable {
  readonly api: simulated.CfApi;
  /** The space `acme/prod`. */
  readonly space: WorldSpace;
  readonly table: RouteTable;
  readonly clock: FakeClock;
  readonly told: Seen;
  readonly source: CfApiSource;
  /** What promgate asked for, in order, by path; a query is left out. */
  readonly paths: () => string[];
  /** Waits until `count` sweeps have ended; moves the clock where the source waits for its budget. */
  swept(count: number): Promise<void>;
  /** Lets the next sweep begin and end. */
  sweepAgain(): Promise<void>;
}

export interface CfApiTestOptions extends Partial<Omit<CfApiOptions, 'filters'>> {
  readonly filters?: Partial<CfApiOptions['filters']>;
  /** Fills the world before the first sweep. */
  readonly prepare?: (api: simulated.CfApi, space: WorldSpace) => void;
}

/** Generous: it ends a test that would fail anyway. */
const PATIENCE_MS = 60_000;
const CLIENT = { kind: 'client', clientId: 'promgate', clientSecret: 'secret' } as const;

/** Starts an API with a client `promgate` that may see everything, and a source that reads it. */
export async function startSource(options: CfApiTestOptions = {}): Promise<CfApiTest> {
  await using parts = new AsyncDisposableStack();
  const { prepare, filters, ...more } = options;
  const clock = fakeClock();
  const wallMs = (): number => EPOCH_MS + clock.nowMs();
  const api = parts.use(await simulated.startCfApi({ nowMs: wallMs }));
  const space = api.world.space('acme', 'prod');
  api.uaa.clients.set('promgate', {
    ...{ secret: 'secret', scopes: ['cloud_controller.global_auditor'], spaces: [] },
  });
  prepare?.(api, space);
  const [table, told] = [new RouteTable(), seen()];
  const source = parts.use(
    startCfApi(
      {
        ...{ url: api.url, credentials: CLIENT, requestsPerMinute: 10, clock, wallMs },
        random: () => 0.5,
        ...more,
        filters: { organizations: [], spaces: [], apps: [], onlyDeclared: false, ...filters },
      },
      table,
      told.observers,
    ),
  );
  const swept = async (count: number): Promise<void> => {
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const [isSwept, sleeps] = [told.polls.length >= count, clock.sleeping.length > 0];
      if (isSwept && sleeps) return;
      if (performance.now() > deadlineMs) throw new Error(`gave up waiting for sweep ${count}`);
      if (sleeps) await clock.advance(Math.min(...clock.sleeping));
      else await setImmediate(); // the API, which runs in this process, has work to do
    }
  };
  const owned = parts.move();
  return {
    ...{ api, space, table, clock, told, source, swept },
    paths: () => api.requests.map((one) => one.replace(/^\w+ |\?.*$/g, '')),
    sweepAgain: async () => {
      const count = told.polls.length + 1;
      await clock.advance(Math.max(...clock.sleeping, 0));
      await swept(count);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
