/**
 * The queries of the PromQL compliance tester: templates of a file that is not part of this repository, and what they are
 * filled with.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  range: ['1s', '15s', '1m', '5m', '15m', '1h'],
  offset: ['1m', '5m', '10m'],
  simpleAggrOp: ['sum', 'avg', 'max', 'min', 'count', 'stddev', 'stdvar'],
  simpleTimeAggrOp: [
    ...['sum', 'avg', 'max', 'min', 'count', 'stddev', 'stdvar', 'absent', 'last'],
  ],
  topBottomOp: ['topk', 'bottomk'],
  quantile: ['-0.5', '0.1', '0.5', '0.75', '0.95', '0.90', '0.99', '1', '1.5'],
  arithBinOp: ['+', '-', '*', '/', '%', '^'],
  compBinOp: ['==', '!=', '<', '>', '<=', '>='],
  binOp: ['+', '-', '*', '/', '%', '^', '==', '!=', '<', '>', '<=', '>='],
  simpleMathFunc: ['abs', 'ceil', 'floor', 'exp', 'sqrt', 'ln', 'log2', 'log10', 'round'],
  extrapolatedRateFunc: ['delta', 'rate', 'increase'],
  clampFunc: ['clamp_min', 'clamp_max'],
  instantRateFunc: ['idelta', 'irate'],
  dateFunc: ['day_of_month', 'day_of_week', 'days_in_month', 'hour', 'minute', 'month', 'year'],
};

interface Template {
  readonly query: string;
  readonly variant_args?: readonly string[];
  readonly should_fail?: boolean;
}

export interface ComplianceQuery {
  readonly text: string;
  readonly shouldFail: boolean;
}

/** All queries of a file of templates. */
export function complianceQueries(file: string): ComplianceQuery[] {
  const { test_cases: templates } = parse(readFileSync(file, 'utf8')) as {
    readonly test_cases: readonly Template[];
  };
  return templates.flatMap(({ query, variant_args: names = [], should_fail: shouldFail = false }) =>
    names
      .reduce(
        (texts, name) =>
          texts.flatMap((text) =>
            (ARGUMENTS[name] ?? []).map((value) => text.replaceAll(`{{.${name}}}`, value)),
          ),
        [String(query)],
      )
      .map((text) => ({ text, shouldFail })),
  );
}
