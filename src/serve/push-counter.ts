/**
 * What only the push gateway of cf-workers has: counting by one.
 */
import type { Label } from '../push/labels.ts';
import { sortLabels } from '../push/labels.ts';
import type { PushedPage } from '../push/pushed-page.ts';
import { PushRefusal } from '../push/refusal.ts';
import { isLabelName } from './push-path.ts';

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const VALUE = '_value';
const NUMBER = /^[+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

/** What `PATCH /metrics/<name>?label=value` counts. */
export interface Count {
  readonly name: string;
  readonly labels: readonly Label[];
  /** From the query; undefined: the body may say how much, else it is 1. */
  readonly amount: string | undefined;
}

export interface CountOptions {
  readonly query: string;
  readonly utf8Names: boolean;
}

/** @throws {PushRefusal} `bad_path` */
export function readCount(name: string, { query, utf8Names }: CountOptions): Count {
  const isName = utf8Names ? name !== '' && name.isWellFormed() : METRIC_NAME.test(name);
  if (!isName) throw new PushRefusal('bad_path', `${JSON.stringify(name)} is no name of a metric`);
  const { amount, labels } = readQuery(query);
  for (const [label] of labels) {
    if (isLabelName(label, utf8Names)) continue;
    throw new PushRefusal('bad_path', `${JSON.stringify(label)} is no name of a label`);
  }
  return { name, labels: sortLabels(labels), amount };
}

/** The labels of a query; of a name that occurs several times the last value. */
export function readQuery(query: string): Pick<Count, 'amount'> & { readonly labels: Label[] } {
  const named = new Map(new URLSearchParams(query));
  const amount = named.get(VALUE);
  named.delete(VALUE);
  return { amount, labels: [...named] };
}

/**
 * A page with one counter.
 *
 * @param amount - '' stands for 1
 * @throws {PushRefusal} `bad_value`
 */
export function countedPage({ name, labels }: Count, amount: string): PushedPage {
  const text = amount.trim();
  const value = text === '' ? 1 : NUMBER.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) {
    const what = 'a counter grows by a finite number that is not negative, such as 1 or 2.5';
    throw new PushRefusal('bad_value', `${what}, not by ${JSON.stringify(text.slice(0, 40))}`);
  }
  const sent = labels.filter(([, own]) => own !== '');
  return {
    families: [
      {
        ...{ name, type: 'counter', help: '', unit: '', gaugeMode: undefined },
        metrics: [{ labels: sent, bounds: [], at: 0, line: 0 }],
      },
    ],
    values: Float64Array.of(value),
    timestamps: 0,
  };
}
