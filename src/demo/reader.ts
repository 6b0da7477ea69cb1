/**
 * A simulated Prometheus: it scrapes every app that promgate lists, so that the status page has something
 * to show.
 */
import { every } from '../clock.ts';

const EVERY_MS = 15_000;
/** The longest wait for an answer. */
const ANSWER_MS = 10_000;

/** @param url - of promgate */
export function startReader(url: string): AsyncDisposable {
  const stop = new AbortController();
  const rounds = every(EVERY_MS, () => scrapeAll(url, stop.signal), {
    signal: stop.signal,
    onError: () => undefined, // promgate stops before the reader does: the next round asks again
  });
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await rounds;
    },
  };
}

interface TargetGroup {
  readonly labels: Readonly<Record<string, string>>;
}

async function scrapeAll(url: string, signal: AbortSignal): Promise<void> {
  const groups = JSON.parse(await read(`${url}/sd/apps`, signal)) as readonly TargetGroup[];
  const paths = groups.map(({ labels }) => labels['__metrics_path__'] ?? '');
  await Promise.all(paths.map((path) => read(url + path, signal)));
}

async function read(url: string, signal: AbortSignal): Promise<string> {
  const answer = await fetch(url, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
  });
  return await answer.text();
}
