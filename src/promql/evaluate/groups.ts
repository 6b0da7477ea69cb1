/**
 * Which series an aggregation puts together.
 */
import type { Aggregation } from '../tree.ts';
import { type Budget, LABELS_WORK } from './budget.ts';
import type { Columns } from './columns.ts';
import { LabelIndex } from './label-index.ts';
import type { Labels, LabelTable } from './labels.ts';
import { METRIC_NAME } from './labels.ts';

/** The groups of an aggregation, in the order of their first series. */
export interface Groups {
  /** The group of each row. */
  readonly of: Int32Array;
  readonly labels: readonly Labels[];
  /** Groups of which a member is to lose its name. */
  readonly dropsName: readonly boolean[];
  /** The rows of each group. */
  readonly rows: readonly (readonly number[])[];
}

/** The labels by which an aggregation groups a series. */
export function groupingOf(
  node: Pick<Aggregation, 'grouping' | 'without'>,
  table: LabelTable,
): (labels: Labels) => Labels {
  const names = new Set(node.grouping);
  if (!node.without) {
    if (names.size === 0) return () => table.empty;
    return (labels) => table.keep(labels, names);
  }
  names.add(METRIC_NAME);
  return (labels) => table.drop(labels, names);
}

/** Puts all rows into groups. */
export async function groupRows(
  columns: Columns,
  grouping: (labels: Labels) => Labels,
  budget: Budget,
): Promise<Groups> {
  const of = new Int32Array(columns.labels.length);
  const labels: Labels[] = [];
  const dropsName: boolean[] = [];
  const rows: number[][] = [];
  const known = new LabelIndex();
  for (const [row, series] of columns.labels.entries()) {
    const key = grouping(series);
    let group = known.get(key);
    if (group < 0) {
      group = labels.length;
      known.set(key, group);
      labels.push(key);
      dropsName.push(false);
      rows.push([]);
    }
    of[row] = group;
    rows[group]?.push(row);
    if (columns.dropsName[row] === 1) dropsName[group] = true;
    if (budget.turnIsOver(LABELS_WORK)) await budget.giveTurn();
  }
  return { of, labels, dropsName, rows };
}
