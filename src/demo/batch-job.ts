/**
 * A simulated batch job: it ends before anybody scrapes it, so it pushes what it has done.
 *
 * The number of its letters is added up over all runs; the state of its last run replaces that of the
 * run before, as with Pushgateway.
 */
import { every } from '../clock.ts';

export interface BatchJobOptions {
  /** Of the push gateway. */
  readonly url: string;
  /** Seconds since 1970. */
  readonly now: () => number;
  /** Returns numbers from 0 (inclusive) to 1 (exclusive). */
  readonly chance: () => number;
}

const EVERY_MS = 5_000;
const MAX_LETTERS = 20;
/** The longest wait for the answer to a push. */
const ANSWER_MS = 2_000;

/** @throws {Error} if the first run cannot push */
export async function startBatchJob(options: BatchJobOptions): Promise<AsyncDisposable> {
  const stop = new AbortController();
  await run(options, stop.signal);
  const runs = every(EVERY_MS, () => run(options, stop.signal), {
    signal: stop.signal,
    firstAfterMs: EVERY_MS,
    onError: () => undefined, // promgate stops before the job does: the next run pushes again
  });
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await runs;
    },
  };
}

async function run({ url, now, chance }: BatchJobOptions, signal: AbortSignal): Promise<void> {
  const letters = 1 + Math.floor(chance() * MAX_LETTERS);
  const work = `# HELP letters_total Letters that all runs have sent.
# TYPE letters_total counter
letters_total{kind="invoice"} ${letters}
`;
  const state = `# HELP last_run_timestamp_seconds When the job ended last.
# TYPE last_run_timestamp_seconds gauge
last_run_timestamp_seconds ${now()}
`;
  await send(`${url}/metrics`, { method: 'POST', body: work }, signal);
  await send(`${url}/metrics/job/letters`, { method: 'PUT', body: state }, signal);
}

async function send(url: string, push: RequestInit, signal: AbortSignal): Promise<void> {
  const both = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
  const answer = await fetch(url, { ...push, signal: both });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`the push to ${url} was refused: ${answer.status} ${text}`);
}
