/**
 * What a real Prometheus has stored, beside what a page says.
 */
import assert from 'node:assert/strict';
import { eventually } from './eventually.ts';
import type { Prometheus } from './prometheus.ts';
import { seriesOf } from './text-series.ts';

/** Prometheus takes over new targets every 5 s, and the samples of gone ones end a scrape later. */
export const PATIENCE = { timeoutMs: 40_000 };

/** `name{labels}` of each sample of a page, with the label `job`; sorted. */
export function seriesIn(text: string, job: string): string[] {
  return seriesOf(text.replaceAll(/ # \{.*/g, '')) // exemplars are no series
    .filter((line) => !line.startsWith('#'))
    .map((line) => {
      const [, name, labels = ''] = /^([^{]+)\{(.*)\} \S+$/s.exec(line)!; // seriesOf prints so
      return `${name}{${[...labels.split(/,(?=\w+=")/), `job="${job}"`].sort().join()}}`;
    })
    .sort();
}

/** The same of everything that Prometheus has of a selection, beside what it adds itself. */
export async function seriesStored(prometheus: Prometheus, selection: string): Promise<string[]> {
  const found = await prometheus.query(`{${selection},__name__!~"up|scrape_.*"}`);
  return found
    .map(({ labels: { __name__, ...labels } }) => {
      const pairs = Object.entries(labels).map(
        ([name, value]) => `${name}=${JSON.stringify(value)}`,
      );
      return `${__name__}{${pairs.sort().join()}}`;
    })
    .sort();
}

export async function values(prometheus: Prometheus, promql: string): Promise<string[]> {
  return (await prometheus.query(promql)).map(({ value }) => value).sort();
}

/** Waits until a query gives these values, in order. */
export async function gives(
  prometheus: Prometheus,
  promql: string,
  expected: string[],
): Promise<void> {
  await eventually(
    `${promql} to give ${expected}`,
    async () => {
      assert.deepEqual(await values(prometheus, promql), expected);
      return true;
    },
    PATIENCE,
  );
}
