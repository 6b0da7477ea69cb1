/**
 * Random queries over two metrics, `a_total` and `b_total`, with the labels `job` and `pod`.
 */
import fc from 'fast-check';

/** Functions of a range vector that the reference evaluation knows. */
export const OVER_TIME: readonly string[] = [
  ...['sum_over_time', 'avg_over_time', 'min_over_time', 'max_over_time', 'count_over_time'],
  ...['rate', 'increase', 'delta', 'resets', 'changes', 'last_over_time', 'first_over_time'],
];

/** What the queries are made of. */
export interface QueryParts {
  readonly functions: readonly string[];
  /** A time for `@`, in seconds. */
  readonly at: string;
}

/** Queries whose value is an instant vector. */
export function arbitraryQueries({ functions, at }: QueryParts): fc.Arbitrary<string> {
  const modifier = fc.constantFrom(
    '',
    '',
    '',
    ' offset 1m',
    ' offset -30s',
    ` @ ${at}`,
    ' @ end()',
  );
  const overTime = fc.constantFrom(...functions);
  const selector = fc.constantFrom(
    ...[
      'a_total',
      'b_total',
      'a_total{job="x"}',
      '{__name__=~"a_total|b_total"}',
      'a_total{pod!="1"}',
    ],
  );
  const range = fc.constantFrom('20s', '1m', '150s', '5m');

  const { vector } = fc.letrec<{ vector: string }>((tie) => ({
    vector: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      fc.tuple(selector, modifier).map(([of, by]) => of + by),
      fc
        .tuple(overTime, selector, range, modifier)
        .map(([call, of, over, by]) => `${call}(${of}[${over}]${by})`),
      fc
        .tuple(overTime, tie('vector'), range)
        .map(([call, of, over]) => `${call}((${of})[${over}:20s])`),
      fc
        .tuple(
          fc.constantFrom('sum', 'avg', 'min', 'max', 'count', 'group'),
          tie('vector'),
          grouping(),
        )
        .map(([op, of, by]) => `${op}${by} (${of})`),
      fc
        .tuple(
          tie('vector'),
          fc.constantFrom('+', '-', '*', '/', '> bool', '==', '<='),
          fc.integer({ min: -2, max: 3 }),
        )
        .map(([of, op, by]) => `(${of}) ${op} ${by}`),
      fc
        .tuple(
          tie('vector'),
          fc.constantFrom('+', '*', '>', '!=', 'and', 'or', 'unless'),
          matching(),
          tie('vector'),
        )
        .map(([left, op, how, right]) => `(${left}) ${op}${how} (${right})`),
      tie('vector').map((of) => `-(${of})`),
      tie('vector').map((of) => `abs(${of})`),
    ),
  }));

  return vector;
}

function grouping(): fc.Arbitrary<string> {
  return fc.constantFrom('', ' by (job)', ' by (job, pod)', ' without (pod)');
}

function matching(): fc.Arbitrary<string> {
  return fc.constantFrom('', ' on (job, pod)', ' ignoring (pod)');
}
