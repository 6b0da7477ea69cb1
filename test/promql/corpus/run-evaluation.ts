/**
 * Runs an evaluation of the corpus, and all that follow from it.
 */
import assert from 'node:assert/strict';
import { evaluate, type Query, type QueryResult } from '../../../src/promql/evaluate/engine.ts';
import type { Storage } from '../../../src/promql/evaluate/storage.ts';
import type { Expression } from '../../../src/promql/tree.ts';
import { checkFailure, checkTexts, checkValue } from './compare.ts';
import type { Evaluated } from './corpus-file.ts';
import { canBeFixed, derivedTimes, fixedAt } from './derived.ts';

const MINUTE_MS = 60_000;
const DEPENDS_ON_RANGE = /(?:start|end|range|step)\(\)/;

/** The times of one execution. */
interface Times {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

/** Evaluates as the corpus asks for: 10,000 samples at most, all that is experimental turned on. */
function execute(query: Query, storage: Storage, times: Times): Promise<QueryResult> {
  return evaluate(
    query,
    {
      ...times,
      storage,
      lookbackMs: 5 * MINUTE_MS,
      subqueryStepMs: MINUTE_MS,
      delayedNameRemoval: true,
      typeLabels: false,
      startTimes: true,
    },
    { maxSamples: 10_000 },
  );
}

/**
 * Checks one evaluation, and those that follow from it. Returns how many were executed.
 *
 * @param isDerived - whether those that follow from it are checked as well
 */
export async function checkEvaluation(
  expected: Evaluated,
  storage: Storage,
  parse: (text: string) => Expression,
  isDerived = true,
): Promise<number> {
  const text = expected.expression;
  let tree: Expression;
  try {
    tree = parse(text);
  } catch (error) {
    assert.ok(expected.fails && error instanceof Error, `no parse of ${text}: ${error}`);
    checkFailure(expected, error);
    return 1;
  }
  await check(expected, { text, tree }, storage, expected);
  if (expected.stepMs !== 0 || !isDerived) return 1;
  let executed = 1;
  const trees: { readonly tree: Expression; readonly atMs: number }[] = [];
  if (canBeFixed(tree)) {
    for (const atMs of derivedTimes(expected.startMs)) {
      const derived = { tree: fixedAt(tree, expected.startMs), atMs };
      await check(expected, { text, tree: derived.tree }, storage, {
        ...{ startMs: atMs, endMs: atMs, stepMs: 0 },
      });
      trees.push(derived);
      executed++;
    }
  }
  if (DEPENDS_ON_RANGE.test(text)) return executed;
  if (expected.string !== undefined || expected.rangeVector !== undefined) return executed;
  for (const { tree: inRange, atMs } of [{ tree, atMs: expected.startMs }, ...trees]) {
    await checkInRange(expected, { text, tree: inRange }, storage, atMs);
    executed++;
  }
  return executed;
}

async function check(
  expected: Evaluated,
  query: Query,
  storage: Storage,
  { startMs, endMs, stepMs }: Times,
): Promise<void> {
  const result = await answered(expected, execute(query, storage, { startMs, endMs, stepMs }));
  if (result === undefined) return;
  checkValue(expected, result);
  checkTexts(expected, result);
}

async function checkInRange(
  expected: Evaluated,
  query: Query,
  storage: Storage,
  atMs: number,
): Promise<void> {
  const times = { startMs: atMs - MINUTE_MS, endMs: atMs + MINUTE_MS, stepMs: MINUTE_MS };
  const result = await answered(expected, execute(query, storage, times));
  if (result !== undefined && !expected.ordered) checkValue(expected, result, 1);
}

/** The answer, or undefined if a failure was expected and came. */
async function answered(
  expected: Evaluated,
  running: Promise<QueryResult>,
): Promise<QueryResult | undefined> {
  if (!expected.fails) return running;
  const error = await running.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Error, 'a failure was expected');
  checkFailure(expected, error);
  return undefined;
}
