/**
 * Counts the requests that promgate sends to the CF API in an hour, which a clock of its own counts:
 * nothing waits, and the machine does not matter.
 */
import { setImmediate } from 'node:timers/promises';
import { largeWorld } from '../test/support/cf-api/large-world.ts';
import { type CfApiTest, startSource } from '../test/support/cf-api/source.ts';
import { table } from './report.ts';

export interface CfApiResult {
  readonly apps: number;
  /** Requests of the first sweep, and the seconds until the table is complete. */
  readonly firstSweep: number;
  readonly completeSeconds: number;
  /** In the first hour, while nothing changes. */
  readonly quiet: number;
  /** With a rolling deploy begun in each minute, and scrapes that need the ports of 100 apps. */
  readonly busy: number;
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** The quota of the simulated API. */
const LIMIT = 600;
const WITH_STATS = 100;

export async function measureCfApi(apps: number): Promise<CfApiResult> {
  await using first = await startLarge(apps);
  await first.swept(1);
  const [firstSweep, completeSeconds] = [countOf(first), first.clock.nowMs() / 1000];
  if (first.table.sizes().apps !== apps) throw new Error('the table is not complete');
  const quiet = await anHour(first);
  await using second = await startLarge(apps);
  const busy = await anHour(second, { isBusy: true });
  return { apps, firstSweep, completeSeconds, quiet, busy };
}

function startLarge(apps: number): Promise<CfApiTest> {
  return startSource({
    prepare: (api, space) => {
      largeWorld(api.world, { apps, organization: space.organization.name });
      api.limit = LIMIT;
    },
  });
}

/** What the rate limit counts: the root and UAA are not in it. */
function countOf({ api }: CfApiTest): number {
  return api.requests.filter((one) => one.includes(' /v3/')).length;
}

async function anHour(test: CfApiTest, { isBusy = false } = {}): Promise<number> {
  const { api, clock, source } = test;
  const running = new Set<ReturnType<typeof api.world.deploy>>();
  await test.swept(1);
  let minute = 0;
  while (clock.nowMs() < HOUR_MS) {
    for (; isBusy && minute * MINUTE_MS < clock.nowMs(); minute += 1) {
      for (const one of running) if (one.step()) running.delete(one);
      const app = api.world.apps[(minute * 7) % api.world.apps.length];
      if (app) running.add(api.world.deploy(app));
    }
    if (isBusy) {
      for (const app of api.world.apps.slice(0, WITH_STATS)) {
        for (const { guid } of api.world.processesOf(app)) void source.wantStats(guid);
      }
      await setImmediate();
    }
    await test.sweepAgain();
  }
  if (api.statuses.includes(429)) throw new Error('the API has refused a request');
  return countOf(test);
}

export function cfApiTable(results: readonly CfApiResult[]): string {
  const columns = ['first sweep', 'complete after', 'quiet hour', 'busy hour'];
  const rows = results.map((one) => [
    `${one.apps} apps`,
    String(one.firstSweep),
    `${Math.round(one.completeSeconds)} s`,
    ...[one.quiet, one.busy].map(String),
  ]);
  return `${table([['cf-api', ...columns], ...rows])}\n`;
}
