/** Finds what a page of the documentation does not name. */
import { readFileSync } from 'node:fs';
import type { MetricRegistry } from '../../src/telemetry/registry.ts';

export const readDoc = (page: string): string =>
  readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');

/** The words that a page does not write as code. */
export const unnamed = (page: string, words: readonly string[]): string[] =>
  words.filter((word) => !readDoc(page).includes(`\`${word}`));

export async function metricNames(registry: MetricRegistry): Promise<string[]> {
  return [...(await registry.print()).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!); // its group
}
