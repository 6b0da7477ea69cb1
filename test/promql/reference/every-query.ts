/**
 * Random queries of every function, operator and modifier, over counters, classic and native histograms.
 *
 * `a_total` and `b_total` have the labels `job` and `pod`; `c_bucket` has `job` and `le`; `h` are native histograms.
 */
import fc from 'fast-check';
import { functionNames, signatureOf } from '../../../src/promql/functions.ts';

/** Functions whose arguments are more than vectors and numbers, with arguments that have a meaning. */
const WITH_ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  clamp: ['V, 1, 5', 'V, 5, 1', 'V, S, 9'],
  clamp_max: ['V, 3', 'V, S'],
  clamp_min: ['V, 3', 'V, S'],
  double_exponential_smoothing: ['R, 0.5, 0.25', 'R, 0.1, 0.9'],
  histogram_quantile: ['0.3, V', '0.9, V', 'S, V', '0.45, H', '0.8, rate(c_bucket[5m])'],
  histogram_quantiles: ['V, "q", 0.3, 0.9', 'H, "q", 0.62, 1.5'],
  label_join: ['V, "both", "-", "job", "pod"', 'V, "pod", "", "job"', 'V, "__name__", "_", "job"'],
  label_replace: [
    ...['V, "job", "$1-x", "pod", "(.*)"', 'V, "pod", "", "pod", "1"'],
    ...['V, "new", "$1$2", "job", "(x)|(y)"', 'V, "job", "z", "job", "nothing"'],
  ],
  max_of: ['S, S'],
  min_of: ['S, S'],
  predict_linear: ['R, 60', 'R, S'],
  quantile_over_time: ['0.25, R', '0.9, R', 'S, R'],
  round: ['V', 'V, 2', 'V, 0.5'],
  sort_by_label: ['V, "job"'],
  sort_by_label_desc: ['V, "pod"'],
};

/** Functions that the reference evaluator does not know, and what holds them instead. */
export const UNKNOWN: Readonly<Record<string, string>> = {
  histogram_fraction:
    'The interpolation is that of quantiles the other way round; the corpus and native-histogram.test.ts hold it.',
  histogram_stddev: 'native-histogram.test.ts holds the middles of buckets.',
  histogram_stdvar: 'native-histogram.test.ts holds the middles of buckets.',
  info: 'The corpus holds its 53 evaluations; messages.test.ts its failures.',
  start_timestamp: 'Start times are not part of the random data; the corpus holds them.',
};

const SCALARS = ['scalar', 'time', 'pi', 'start', 'end', 'step', 'range', 'min_of', 'max_of'];

/** The calls of all functions that give a vector, with letters for what is to be filled in. */
const CALLS: readonly string[] = functionNames()
  .filter((name) => UNKNOWN[name] === undefined && !SCALARS.includes(name))
  .flatMap((name) => {
    const given = WITH_ARGUMENTS[name];
    if (given !== undefined) return given.map((args) => `${name}(${args})`);
    const [of] = signatureOf(name)?.args ?? [];
    const args = of === 'matrix' ? 'R' : of === 'scalar' ? 'S' : 'V';
    // Without an argument, the functions of dates take the time.
    return signatureOf(name)?.variadic === 1
      ? [`${name}(${args})`, `${name}()`]
      : [`${name}(${args})`];
  });

const AGGREGATIONS = [
  ...['sum', 'avg', 'min', 'max', 'count', 'group', 'stddev', 'stdvar'].map(
    (op) => [op, ''] as const,
  ),
  ...(['topk', 'bottomk', 'limitk'] as const).flatMap((op) => [
    ...([
      [op, '1, '],
      [op, '2, '],
      [op, 'S, '],
    ] as const),
  ]),
  ...([
    ['quantile', '0.4, '],
    ['quantile', 'S, '],
    ['count_values', '"value", '],
  ] as const),
];
const ARITHMETIC = ['+', '-', '*', '/', '%', '^', 'atan2'];
const COMPARISONS = ['==', '!=', '<', '>', '<=', '>='];
const WITH_BOOL = COMPARISONS.map((op) => `${op} bool`);
const MATCHINGS = ['', 'on (job)', 'on (job, pod)', 'ignoring (pod)', 'ignoring (le)', 'on ()'];
const GROUPS = ['', '', 'group_left', 'group_left (pod)', 'group_right', 'group_right (pod, le)'];
const FILLS = [
  '',
  '',
  '',
  'fill (0)',
  'fill_left (1)',
  'fill_right (2)',
  'fill_left (1) fill_right (2)',
];

/** Queries whose value is an instant vector. `at` is a time for `@`, in seconds. */
export function everyQuery(at: string): fc.Arbitrary<string> {
  const modifier = fc.constantFrom(
    ...[
      '',
      '',
      '',
      '',
      ' offset 1m',
      ' offset -30s',
      ` @ ${at}`,
      ' @ start()',
      ' @ end() offset 20s',
    ],
  );
  const selector = fc.constantFrom(
    ...['a_total', 'b_total', 'a_total{job="x"}', '{__name__=~"a_total|b_total"}'],
    ...[
      'a_total{pod!="1"}',
      'c_bucket',
      'h',
      'h{job="x"}',
      '{job="x",pod=~"1|2"}',
      'none{job="z"}',
    ],
  );
  const duration = fc.constantFrom('20s', '1m', '150s', '5m');
  const { vector } = fc.letrec<{ vector: string; scalar: string; range: string }>((tie) => ({
    scalar: fc.oneof(
      { maxDepth: 2, depthSize: 'small' },
      fc.constantFrom(
        '0.5',
        '2',
        '-1',
        'NaN',
        'time() / 300',
        'pi()',
        'start()',
        'end()',
        'step()',
      ),
      fc.constantFrom('range()', 'inf'),
      tie('vector').map((of) => `scalar(${of})`),
      fc
        .tuple(tie('scalar'), fc.constantFrom(...ARITHMETIC, ...WITH_BOOL), tie('scalar'))
        .map(([a, op, b]) => `(${a} ${op} ${b})`),
      fc
        .tuple(fc.constantFrom('min_of', 'max_of'), tie('scalar'), tie('scalar'))
        .map(([name, a, b]) => `${name}(${a}, ${b})`),
    ),
    range: fc.oneof(
      { maxDepth: 2, depthSize: 'small' },
      fc.tuple(selector, duration, modifier).map(([of, over, by]) => `${of}[${over}]${by}`),
      fc
        .tuple(tie('vector'), duration, fc.constantFrom('20s', '', '45s'), modifier)
        .map(([of, over, step, by]) => `(${of})[${over}:${step}]${by}`),
    ),
    vector: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      { weight: 4, arbitrary: fc.tuple(selector, modifier).map(([of, by]) => of + by) },
      {
        weight: 8,
        arbitrary: fc
          .tuple(fc.constantFrom(...CALLS), tie('vector'), tie('scalar'), tie('range'))
          .map(([call, v, s, r]) =>
            call.replace(/\b[VSRH]\b/g, (letter) =>
              letter === 'V' ? `(${v})` : letter === 'S' ? s : letter === 'H' ? 'h' : r,
            ),
          ),
      },
      {
        weight: 4,
        arbitrary: fc
          .tuple(
            fc.constantFrom(...AGGREGATIONS),
            fc.constantFrom(
              '',
              ' by (job)',
              ' by (job, pod)',
              ' without (pod)',
              ' without (job, le)',
            ),
            tie('vector'),
            tie('scalar'),
          )
          .map(([[op, parameter], by, of, s]) => `${op}${by} (${parameter.replace('S', s)}${of})`),
      },
      {
        weight: 3,
        arbitrary: fc
          .tuple(
            tie('vector'),
            fc.constantFrom(...ARITHMETIC, ...COMPARISONS, ...WITH_BOOL),
            tie('scalar'),
            fc.boolean(),
          )
          .map(([of, op, s, first]) => (first ? `(${of}) ${op} ${s}` : `${s} ${op} (${of})`)),
      },
      {
        weight: 5,
        arbitrary: fc
          .tuple(
            tie('vector'),
            fc.constantFrom(...ARITHMETIC, ...COMPARISONS, ...WITH_BOOL),
            fc.tuple(
              fc.constantFrom(...MATCHINGS),
              fc.constantFrom(...GROUPS),
              fc.constantFrom(...FILLS),
            ),
            tie('vector'),
          )
          .map(([a, op, [matching, group, fill], b]) => {
            const grouped = matching === '' ? '' : group;
            const include = new Set(/\((.*)\)/.exec(matching)?.[1]?.split(', '));
            // A label may not be matched by and copied at once.
            const isClear =
              !matching.startsWith('on') || !/pod|le/.test(grouped) || !include.has('pod');
            return `(${a}) ${op} ${matching} ${isClear ? grouped : ''} ${fill} (${b})`;
          }),
      },
      {
        weight: 3,
        arbitrary: fc
          .tuple(
            tie('vector'),
            fc.constantFrom('and', 'or', 'unless'),
            fc.constantFrom(...MATCHINGS),
            tie('vector'),
          )
          .map(([a, op, matching, b]) => `(${a}) ${op} ${matching} (${b})`),
      },
      { weight: 1, arbitrary: tie('vector').map((of) => `-(${of})`) },
    ),
  }));
  return vector;
}
