/** Every message of the evaluation and every remark, with its place, as Prometheus 3.14 has it. */
import assert from 'node:assert/strict';
import { EvaluationError } from '../../../src/promql/evaluate/failure.ts';
import type { Storage } from '../../../src/promql/evaluate/storage.ts';
import { evaluateLines } from './evaluate-lines.ts';

const FLOATS = ['a_total{job="x"} 0+1x10', 'a_total{job="y"} 0+2x10', 'b{job="x"} 5x10'];
const HISTOGRAM = '{{schema:0 count:4 sum:5 buckets:[1 2 1]}}';
const CUSTOM = '{{schema:-53 count:2 sum:3 custom_values:[1 2] buckets:[1 1]}}';
const OTHER = '{{schema:-53 count:2 sum:3 custom_values:[1 3] buckets:[1 1]}}';
const MIXED = [`mixed_total ${HISTOGRAM}x2 1+1x8`];

type Row = readonly [lines: readonly string[], query: string, message: string];

const FAILURES: readonly Row[] = [
  [FLOATS, 'rate({job=~"x|y"}[5m])', 'vector cannot contain metrics with the same labelset'],
  [
    FLOATS,
    'b + on () a_total',
    'found duplicate series for the match group {} on the right hand-side of the operation: ' +
      '[{__name__="a_total", job="x"}, {__name__="a_total", job="y"}];many-to-many matching not allowed: ' +
      'matching labels must be unique on one side',
  ],
  [
    FLOATS,
    'a_total + on () b',
    'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)',
  ],
  [
    ['a{i="1",j="1"} 1x10', 'a{i="1",j="2"} 1x10', 'b{i="1",k="1"} 1x10'],
    'a + on (i) group_left (j) b',
    'multiple matches for labels: grouping labels must ensure unique matches',
  ],
  [FLOATS, 'topk(NaN, b)', 'Parameter value is NaN'],
  [FLOATS, 'topk(-1e300, b) or bottomk(1e300, b)', 'Scalar value 1e+300 overflows int64'],
  [FLOATS, 'limit_ratio(NaN, b)', 'Ratio value is NaN'],
  [FLOATS, 'count_values("", b)', 'invalid label name ""'],
  [FLOATS, 'count_values("a\\xc5", b)', 'invalid label name "a\\xc5"'],
  [
    FLOATS,
    'double_exponential_smoothing(b[5m], 0, 0.5)',
    'invalid smoothing factor. Expected: 0 < sf < 1, got: 0.000000',
  ],
  [
    FLOATS,
    'double_exponential_smoothing(b[5m], 0.5, 1.5)',
    'invalid trend factor. Expected: 0 < tf < 1, got: 1.500000',
  ],
  [
    FLOATS,
    'label_replace(b, "c", "$1", "job", "(")',
    'invalid regular expression in label_replace(): (',
  ],
  [
    FLOATS,
    'label_replace(b, "", "$1", "job", "x")',
    'invalid destination label name in label_replace(): ',
  ],
  [FLOATS, 'label_join(b, "c", ",", "\\xff")', 'invalid source label name in label_join(): \udcff'],
  [FLOATS, 'label_join(b, "", ",", "job")', 'invalid destination label name in label_join(): '],
  [
    FLOATS,
    'irate(a_total[5m] anchored)',
    'anchored modifier can only be used with: changes, delta, increase, rate, resets - not with irate',
  ],
  [
    FLOATS,
    'changes(a_total[5m] smoothed)',
    'smoothed modifier can only be used with: delta, increase, rate - not with changes',
  ],
  [[`h ${HISTOGRAM}x10`], 'h[3m] anchored', 'anchored modifier is not supported with histograms'],
  [[`h ${HISTOGRAM}x10`], 'h[3m] smoothed', 'smoothed modifier is not supported with histograms'],
  [
    ['a{instance="i",job="j"} 1x10', `target_info{instance="i",job="j"} ${HISTOGRAM}x10`],
    'info(a)',
    'this should be an info metric, with float samples: ' +
      '{__name__="target_info", instance="i", job="j"}',
  ],
  [
    [
      'a{instance="i",job="j"} 1x10',
      'target_info{instance="i",job="j",v="1"} 1x10',
      'target_info{instance="i",job="j",v="2"} 1x10',
    ],
    'info(a)',
    'found duplicate series for info metric: existing ' +
      '{__name__="target_info", instance="i", job="j", v="1"} @ 300000, new ' +
      '{__name__="target_info", instance="i", job="j", v="2"} @ 300000',
  ],
  [
    [
      'a{instance="i",job="j"} 1x10',
      'target_info{instance="i",job="j",v="1"} 1x10',
      'build_info{instance="i",job="j",v="2"} 1x10',
    ],
    'info(a, {__name__=~".+_info"})',
    'conflicting label: v',
  ],
  [FLOATS, 'b[step() - step()]', '2:17: duration must be greater than 0'],
  [FLOATS, 'b offset (5m / (step() - step()))', '10:31: division by zero'],
];

describe('the messages of an evaluation that fails', () => {
  for (const [lines, query, message] of FAILURES) {
    it(`${query}: ${message}`, async () => {
      await assert.rejects(evaluateLines(lines, query), (error: unknown) => {
        assert.ok(error instanceof EvaluationError, String(error));
        assert.equal(error.message, message);
        assert.equal(error.failure, 'execution');
        return true;
      });
    });
  }
});

const WARNINGS: readonly Row[] = [
  [FLOATS, 'quantile(1.5, b)', 'quantile value should be between 0 and 1, got 1.5 (1:10)'],
  [
    FLOATS,
    'quantile_over_time(-1, b[5m])',
    'quantile value should be between 0 and 1, got -1 (1:20)',
  ],
  [
    FLOATS,
    'limit_ratio(1.5, b)',
    'ratio value should be between -1 and 1, got 1.5, capping to 1 (1:13)',
  ],
  [
    ['c_bucket{le="x"} 1x10'],
    'histogram_quantile(0.5, c_bucket)',
    'bucket label "le" is missing or has a malformed value of "x" for metric name "c_bucket" (1:25)',
  ],
  [
    ['c_bucket 1x10'],
    'histogram_quantile(0.5, -c_bucket)',
    'bucket label "le" is missing or has a malformed value of "" for metric name "c_bucket" (1:25)',
  ],
  [
    MIXED,
    'rate(mixed_total[5m])',
    'encountered a mix of histograms and floats for metric name "mixed_total" (1:6)',
  ],
  [
    ['a{i="1"} 1x10', `a{i="2"} ${HISTOGRAM}x10`],
    'sum(a)',
    'encountered a mix of histograms and floats for aggregation (1:5)',
  ],
  [
    ['c{le="+Inf"} 1x10', `c ${HISTOGRAM}x10`],
    'histogram_quantile(0.5, c)',
    'vector contains a mix of classic and native histograms for metric name "c" (1:25)',
  ],
  [
    [`c_total ${HISTOGRAM}x3 ${CUSTOM}x8`],
    'rate(c_total[5m])',
    'vector contains a mix of histograms with exponential and custom buckets schemas for metric name "c_total" (1:6)',
  ],
  [
    ['c {{count:1 counter_reset_hint:gauge}}+{{count:1}}x10'],
    'rate(c[5m])',
    'this native histogram metric is not a counter: "c" (1:6)',
  ],
  [
    ['c {{count:1}}+{{count:1}}x10'],
    'delta(c[5m])',
    'this native histogram metric is not a gauge: "c" (1:7)',
  ],
  [
    [`c ${HISTOGRAM}x10`, `d ${CUSTOM}x10`],
    'c + ignoring () d',
    'incompatible bucket layout encountered for binary operator + (1:1)',
  ],
  [
    ['c {{count:1 counter_reset_hint:reset}}x10', 'd {{count:1 counter_reset_hint:not_reset}}x10'],
    'c + d',
    'conflicting counter resets during histogram addition (1:1)',
  ],
  [
    ['c {{count:1 counter_reset_hint:reset}}x10', 'd {{count:1 counter_reset_hint:not_reset}}x10'],
    'c - d',
    'conflicting counter resets during histogram subtraction (1:1)',
  ],
  [
    [
      'c{i="1"} {{count:1 counter_reset_hint:reset}}x10',
      'c{i="2"} {{count:1 counter_reset_hint:not_reset}}x10',
    ],
    'sum(c)',
    'conflicting counter resets during histogram aggregation (1:5)',
  ],
];

const INFOS: readonly Row[] = [
  [
    FLOATS,
    'rate(b[5m])',
    'metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "b" (1:6)',
  ],
  [
    ['c_bucket{le="1"} 5x10', 'c_bucket{le="2"} 3x10', 'c_bucket{le="+Inf"} 6x10'],
    'histogram_quantile(0.5, c_bucket)',
    'input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)' +
      ' for metric name "c_bucket", from buckets 2 to 2, with a max diff of 2, over 1 samples from 1970-01-01T00:05:00Z to 1970-01-01T00:05:00Z (1:25)',
  ],
  [
    ['c {{schema:0 count:3 sum:NaN buckets:[1 1]}}x10'],
    'histogram_quantile(1, c)',
    'input to histogram_quantile has NaN observations, result is NaN for metric name "c" (1:23)',
  ],
  [
    ['c {{schema:0 count:3 sum:NaN buckets:[1 1]}}x10'],
    'histogram_quantile(0.5, c)',
    'input to histogram_quantile has NaN observations, result is skewed higher for metric name "c" (1:25)',
  ],
  [
    ['c {{schema:0 count:3 sum:NaN buckets:[1 1]}}x10'],
    'histogram_fraction(0, 1, c)',
    'input to histogram_fraction has NaN observations, which are excluded from all fractions for metric name "c" (1:26)',
  ],
  [
    [`c ${HISTOGRAM}x10`, 'd 1x10'],
    'c + d',
    'incompatible sample types encountered for binary operator "+": histogram + float (1:1)',
  ],
  [
    [`c ${HISTOGRAM}x10`],
    '1 > c',
    'incompatible sample types encountered for binary operator ">": float > histogram (1:1)',
  ],
  ...['min', 'max', 'stddev', 'stdvar'].map(
    (op): Row => [
      [`c ${HISTOGRAM}x10`],
      `${op}(c)`,
      `ignored histogram in ${op} aggregation (1:${op.length + 2})`,
    ],
  ),
  [[`c ${HISTOGRAM}x10`], 'quantile(0.5, c)', 'ignored histogram in quantile aggregation (1:15)'],
  [[`c ${HISTOGRAM}x10`], 'topk(1, c)', 'ignored histogram in topk aggregation (1:1)'],
  [[`c ${HISTOGRAM}x10`], 'bottomk(1, c)', 'ignored histogram in bottomk aggregation (1:1)'],
  [
    MIXED,
    'max_over_time(mixed_total[5m])',
    'ignored histograms in a range containing both floats and histograms for metric name "mixed_total" (1:15)',
  ],
  [
    [`c ${CUSTOM}x10`, `d ${OTHER}x10`],
    'c + d',
    'mismatched custom buckets were reconciled during addition (1:1)',
  ],
];

describe('the remarks of an evaluation', () => {
  for (const [lines, query, text] of WARNINGS) {
    it(`${query}: ${text}`, async () => {
      const { warnings } = await evaluateLines(lines, query);

      assert.deepEqual(warnings, [`PromQL warning: ${text}`]);
    });
  }

  for (const [lines, query, text] of INFOS) {
    it(`${query}: ${text}`, async () => {
      const { infos } = await evaluateLines(lines, query);

      assert.deepEqual(infos, [`PromQL info: ${text}`]);
    });
  }

  it('a number of series may be too small at one step', async () => {
    const times = { startMs: 0, endMs: 60_000, stepMs: 60_000 };

    await assert.rejects(evaluateLines(FLOATS, 'topk((time() - 30) * 1e300, b)', times), {
      message: 'Scalar value -3e+301 underflows int64',
    });
  });

  it('start times that overlap are counted', async () => {
    const storage: Storage = {
      select: async () => [
        {
          labels: [['__name__', 'a_total']],
          timesMs: Float64Array.of(60_000, 120_000, 180_000),
          values: Float64Array.of(1, 2, 3),
          startTimesMs: Float64Array.of(30_000, 50_000, 70_000),
        },
      ],
    };

    const { warnings } = await evaluateLines([], 'rate(a_total[5m])', {
      ...{ storage, startTimes: true, startMs: 180_000, endMs: 240_000, stepMs: 60_000 },
    });

    assert.deepEqual(warnings, [
      'PromQL warning: sample has start time that overlaps with previous sample timestamp for metric "a_total" (2 occurrences) (1:6)',
    ]);
  });

  it('sorting a range query says that sorting has no effect', async () => {
    const times = { startMs: 0, endMs: 120_000, stepMs: 60_000 };

    const { warnings } = await evaluateLines(FLOATS, 'sort(b)', times);

    assert.deepEqual(warnings, [
      'PromQL warning: sort is ineffective for range queries since results are always ordered by labels (1:1)',
    ]);
  });

  it('a counter by its type label', async () => {
    const typed = { typeLabels: true };

    const { infos } = await evaluateLines(
      ['a_total{__type__="gauge",i="1"} 0+1x10', 'c{__type__="counter",i="2"} 0+1x10'],
      'rate(a_total[5m]) or rate(c[5m])',
      typed,
    );

    assert.deepEqual(infos, [
      'PromQL info: metric might not be a counter, __type__ label is not set to "counter" or "histogram", got "gauge": "a_total" (1:6)',
    ]);
  });
});
