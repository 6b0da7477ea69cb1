/**
 * The signatures of all functions of PromQL, as plain data.
 *
 * The evaluation has one implementation per name; a test compares the two lists.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/functions/
 */
import type { ValueType } from './tree.ts';

export interface FunctionSignature {
  readonly name: string;
  readonly args: readonly ValueType[];
  /**
   * How many arguments the last of `args` stands for: 0 exactly one, n from none to n, -1 any
   * number and also none.
   */
  readonly variadic: number;
  readonly returns: ValueType;
  /** Whether the function exists only behind the switch for experimental functions. */
  readonly isExperimental: boolean;
}

/** The signature of a function, or undefined where there is no function of that name. */
export function signatureOf(name: string): FunctionSignature | undefined {
  return SIGNATURES.get(name);
}

/** The names of all functions, experimental ones too. */
export function functionNames(): readonly string[] {
  return [...SIGNATURES.keys()];
}

type Row = Partial<Omit<FunctionSignature, 'name'>> & { readonly names: string };

const ROWS: readonly Row[] = [
  {
    names: `abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg
      histogram_count histogram_stddev histogram_stdvar histogram_sum ln log10 log2 rad sgn sin
      sinh sort sort_desc sqrt tan tanh timestamp`,
    args: ['vector'],
  },
  {
    names: 'day_of_month day_of_week day_of_year days_in_month hour minute month year',
    args: ['vector'],
    variadic: 1,
  },
  {
    names: `absent_over_time avg_over_time changes count_over_time delta deriv first_over_time
      idelta increase irate last_over_time max_over_time min_over_time present_over_time rate
      resets stddev_over_time stdvar_over_time sum_over_time`,
    args: ['matrix'],
  },
  {
    names: `mad_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time
      ts_of_min_over_time`,
    args: ['matrix'],
    isExperimental: true,
  },
  { names: 'clamp', args: ['vector', 'scalar', 'scalar'] },
  { names: 'clamp_max clamp_min', args: ['vector', 'scalar'] },
  {
    names: 'double_exponential_smoothing',
    args: ['matrix', 'scalar', 'scalar'],
    isExperimental: true,
  },
  { names: 'end range start step', args: [], returns: 'scalar', isExperimental: true },
  { names: 'histogram_fraction', args: ['scalar', 'scalar', 'vector'] },
  { names: 'histogram_quantile', args: ['scalar', 'vector'] },
  {
    names: 'histogram_quantiles',
    args: ['vector', 'string', 'scalar', 'scalar'],
    variadic: 9,
    isExperimental: true,
  },
  { names: 'info', args: ['vector', 'vector'], variadic: 1, isExperimental: true },
  { names: 'label_join', args: ['vector', 'string', 'string', 'string'], variadic: -1 },
  { names: 'label_replace', args: ['vector', 'string', 'string', 'string', 'string'] },
  { names: 'max_of min_of', args: ['scalar', 'scalar'], returns: 'scalar', isExperimental: true },
  { names: 'pi time', args: [], returns: 'scalar' },
  { names: 'predict_linear', args: ['matrix', 'scalar'] },
  { names: 'quantile_over_time', args: ['scalar', 'matrix'] },
  { names: 'round', args: ['vector', 'scalar'], variadic: 1 },
  { names: 'scalar', args: ['vector'], returns: 'scalar' },
  {
    names: 'sort_by_label sort_by_label_desc',
    args: ['vector', 'string'],
    variadic: -1,
    isExperimental: true,
  },
  { names: 'start_timestamp', args: ['vector'], isExperimental: true },
  { names: 'vector', args: ['scalar'] },
];

const SIGNATURES: ReadonlyMap<string, FunctionSignature> = new Map(
  ROWS.flatMap(({ names, args = [], variadic = 0, returns = 'vector', isExperimental = false }) =>
    names
      .split(/\s+/)
      .map((name): [string, FunctionSignature] => [
        name,
        Object.freeze({ name, args, variadic, returns, isExperimental }),
      ]),
  ),
);
