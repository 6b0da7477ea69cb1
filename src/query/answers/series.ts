/**
 * The answers to `series`, `labels` and `label/<name>/values`, joined: each series and each text once,
 * in Prometheus' order.
 */
import { compareTexts } from '../../promql/evaluate/labels.ts';
import type { GroupAnswer } from '../federation.ts';
import { type LabelSet, labelsOf, objectsOf, textsOf, withGroupLabels } from './shape.ts';
import { sortInSteps } from './sort.ts';

interface Sorted {
  readonly names: readonly string[];
  readonly values: readonly string[];
  /** The labels as JSON, in the order of their names: equal for equal series, and for those only. */
  readonly text: string;
}

/** Other work may run after so many series. */
const STEP_SERIES = 250;
/** The same for names and values. */
const STEP_TEXTS = 1_000;

/** Adds texts to a set, in steps. */
function* addTexts(set: Set<string>, texts: readonly string[]): Generator<void, void, void> {
  for (const [at, text] of texts.entries()) {
    set.add(text);
    if (at % STEP_TEXTS === 0) yield;
  }
}

/**
 * The series of all groups, each once, ordered by their labels.
 *
 * @returns the JSON of each series
 * @throws {AnswerShapeError}
 */
export function* joinSeries(
  answers: readonly GroupAnswer[],
): Generator<void, readonly string[], void> {
  const known = new Map<string, Sorted>();
  let done = 0;
  for (const answer of answers) {
    for (const one of objectsOf(answer, answer.data, 'series')) {
      const sorted = sortedLabels(withGroupLabels(answer, labelsOf(answer, one)));
      known.set(sorted.text, sorted);
      done += 1;
      if (done % STEP_SERIES === 0) yield;
    }
  }
  const sorted = yield* sortInSteps([...known.values()], compareSeries);
  return sorted.map(({ text }) => text);
}

function sortedLabels(labels: LabelSet): Sorted {
  const names = Object.keys(labels);
  if (isInOrder(names)) {
    return { names, values: Object.values(labels), text: JSON.stringify(labels) };
  }
  names.sort(compareTexts);
  const values = names.map((name) => labels[name] ?? '');
  const ordered = Object.fromEntries(names.map((name, at) => [name, values[at]]));
  return { names, values, text: JSON.stringify(ordered) };
}

function isInOrder(names: readonly string[]): boolean {
  for (let at = 1; at < names.length; at++) {
    if (compareTexts(names[at - 1]!, names[at]!) > 0) return false; // both are below the length
  }
  return true;
}

function compareSeries(a: Sorted, b: Sorted): number {
  const length = Math.min(a.names.length, b.names.length);
  for (let at = 0; at < length; at++) {
    const order =
      compareTexts(a.names[at]!, b.names[at]!) || compareTexts(a.values[at]!, b.values[at]!);
    if (order !== 0) return order; // `at` is below both lengths
  }
  return a.names.length - b.names.length;
}

/**
 * The names of the labels of all groups. A group with series has the labels that it adds, too.
 *
 * @throws {AnswerShapeError}
 */
export function* joinLabelNames(
  answers: readonly GroupAnswer[],
): Generator<void, readonly string[], void> {
  const names = new Set<string>();
  for (const answer of answers) {
    const own = textsOf(answer);
    if (own.length === 0) continue;
    const added = Object.entries(answer.labels);
    const emptied = added.filter(([, value]) => value === '').map(([name]) => name);
    yield* addTexts(
      names,
      emptied.length === 0 ? own : own.filter((one) => !emptied.includes(one)),
    );
    for (const [name, value] of added) if (value !== '') names.add(name);
  }
  return yield* sortInSteps([...names], compareTexts);
}

/**
 * The values of one label.
 *
 * @param names - the answers to `labels` for the same matchers: a group that adds the label itself has
 * its value if any of its series match, whatever the servers of the group say
 * @throws {AnswerShapeError}
 */
export function* joinLabelValues(
  label: string,
  answers: readonly GroupAnswer[],
  names: readonly GroupAnswer[],
): Generator<void, readonly string[], void> {
  const values = new Set<string>();
  for (const answer of answers) {
    if (Object.hasOwn(answer.labels, label)) continue;
    yield* addTexts(values, textsOf(answer));
  }
  for (const answer of names) {
    const own = answer.labels[label] ?? '';
    if (own !== '' && textsOf(answer).length > 0) values.add(own);
  }
  return yield* sortInSteps([...values], compareTexts);
}
