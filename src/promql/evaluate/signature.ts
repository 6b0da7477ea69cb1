/**
 * The labels by which the series of both sides of an operator find each other.
 */
import type { VectorMatching } from '../tree.ts';
import { type Budget, LABELS_WORK } from './budget.ts';
import type { Columns } from './columns.ts';
import { LabelIndex } from './label-index.ts';
import { type Labels, type LabelTable, METRIC_NAME } from './labels.ts';

/** The labels by which a series finds its partner. */
export function signatureOf(
  matching: VectorMatching,
  table: LabelTable,
): (labels: Labels) => Labels {
  const names = new Set(matching.labels);
  if (matching.on) return (labels) => table.keep(labels, names);
  names.add(METRIC_NAME);
  return (labels) => table.drop(labels, names);
}

/** Rows by the labels that they are matched by. */
export interface Matched {
  readonly keys: readonly Labels[];
  readonly rows: readonly (readonly number[])[];
  readonly index: LabelIndex;
}

/** Puts all rows into groups by what they are matched by. */
export async function rowsBySignature(
  columns: Columns,
  signature: (labels: Labels) => Labels,
  budget: Budget,
): Promise<Matched> {
  const index = new LabelIndex();
  const keys: Labels[] = [];
  const rows: number[][] = [];
  for (const [row, labels] of columns.labels.entries()) {
    const key = signature(labels);
    const known = rows[index.get(key)];
    if (known === undefined) {
      index.set(key, keys.length);
      keys.push(key);
      rows.push([row]);
    } else known.push(row);
    if (budget.turnIsOver(LABELS_WORK)) await budget.giveTurn();
  }
  return { keys, rows, index };
}
