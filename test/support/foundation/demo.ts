/**
 * `npm run demo -- --foundation`: the whole way for five minutes of deploys, with a verdict each minute.
 */
import { every } from '../../../src/clock.ts';
import { startWholeWay } from './whole-way.ts';
import { storedIdentities, wrongIdentities } from './witness.ts';

export interface FoundationDemoOptions {
  readonly print: (text: string) => void;
  /** How long it judges, in minutes. Default 5. */
  readonly minutes?: number;
}

export interface FoundationDemo extends AsyncDisposable {
  /** Nothing has to end in order. */
  readonly drain: () => Promise<void>;
}

const CHANGE_EVERY_MS = 2_000;
const JUDGE_EVERY_MS = 60_000;

/** Starts all; the deploys go on until the disposal. */
export async function startFoundationDemo(options: FoundationDemoOptions): Promise<FoundationDemo> {
  const { print, minutes = 5 } = options;
  print('The foundation starts, and promgate is installed for it: this takes half a minute.\n');
  await using parts = new AsyncDisposableStack();
  const missing = (): never => {
    throw new Error('the foundation needs the Debian packages prometheus and nats-server');
  };
  const way = parts.use(await startWholeWay({ skip: missing }));
  const { foundation, url, prometheus } = way;
  const stop = new AbortController();
  const loop = {
    signal: stop.signal,
    onError: (error: unknown) => print(`failed: ${String(error)}\n`),
  };
  const changing = every(CHANGE_EVERY_MS, () => foundation.change(), loop);
  let judged = 0;
  const judge = async (): Promise<void> => {
    if (judged >= minutes) return;
    judged += 1;
    const stored = await storedIdentities(prometheus);
    const wrong = wrongIdentities(stored);
    const { deploys, cells } = foundation;
    print(
      `after ${judged} min: ${deploys.done} deploys, ${cells.running.size} instances run, ` +
        `${stored.length} were scraped, ${wrong.length} under a wrong name or index\n`,
    );
    for (const one of wrong.slice(0, 10)) print(`  ${one}\n`);
  };
  const judging = every(JUDGE_EVERY_MS, judge, { ...loop, firstAfterMs: JUDGE_EVERY_MS });
  parts.defer(async () => {
    stop.abort();
    await Promise.all([changing, judging]);
  });
  print(
    `promgate runs at ${url} (operator prometheus, password open-sesame), Prometheus at ${prometheus.url}\n` +
      `${foundation.world.apps.length} apps are deployed, scaled and stopped. Ctrl-C ends it.\n`,
  );
  const held = parts.move();
  return { drain: async () => undefined, [Symbol.asyncDispose]: () => held.disposeAsync() };
}
