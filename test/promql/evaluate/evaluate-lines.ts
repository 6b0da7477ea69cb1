/** Evaluates queries over series in the notation of unit tests of rules, a minute from value to value. */
import { readSeries } from '../../../src/promql/command/read-series.ts';
import { evaluate, type QueryResult } from '../../../src/promql/evaluate/engine.ts';
import { memoryStorage } from '../../../src/promql/evaluate/memory-storage.ts';
import type { Settings } from '../../../src/promql/evaluate/settings.ts';
import { parse } from '../../../src/promql/parse.ts';
import { ALL_ON } from '../switches.ts';

/** An instant query at five minutes, unless the settings say otherwise. */
export function evaluateLines(
  lines: readonly string[],
  text: string,
  settings: Partial<Settings> = {},
): Promise<QueryResult> {
  const storage = memoryStorage(readSeries(['load 1m', ...lines].join('\n'), 0));
  return evaluate(
    { text, tree: parse(text, ALL_ON) },
    {
      ...{ storage, startMs: 300_000, endMs: 300_000, stepMs: 0, lookbackMs: 300_000 },
      ...{ subqueryStepMs: 60_000, delayedNameRemoval: true, typeLabels: false, startTimes: false },
      ...settings,
    },
    { maxSamples: 1e6 },
  );
}
