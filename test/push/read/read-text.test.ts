import assert from 'node:assert/strict';
import type { PushMode } from '../../../src/push/push.ts';
import type { PushedPage } from '../../../src/push/pushed-page.ts';
import { readBody } from '../../../src/push/read/read-body.ts';
import { PushRefusal } from '../../../src/push/refusal.ts';

const OPENMETRICS = 'application/openmetrics-text; version=1.0.0';

async function read(text: string, mode: PushMode, contentType = ''): Promise<PushedPage> {
  const options = { contentType, mode, maxSeries: 1_000 };
  return (await readBody(Buffer.from(text, 'latin1'), options)).page;
}

/** A line for each family, and for each metric of it with its labels, bounds and run of values. */
async function shown(text: string, mode: PushMode, contentType = ''): Promise<string[]> {
  const { families, values } = await read(text, mode, contentType);
  return families.flatMap(({ name, type, metrics }) => [
    `${name} ${type}`,
    ...metrics.map(({ labels, bounds, at }) => {
      const run = type === 'histogram' || type === 'summary' || type === 'gaugehistogram';
      const own = Array.from(values.subarray(at, at + (run ? 2 + bounds.length : 1)));
      const pairs = labels.map(([label, value]) => `${label}=${value}`).join(',');
      return `  {${pairs}} [${bounds.join(' ')}] ${own.join(' ')}`;
    }),
  ]);
}

async function refused(text: string, mode: PushMode, contentType = ''): Promise<string> {
  try {
    await read(text, mode, contentType);
  } catch (error) {
    assert.ok(error instanceof PushRefusal, String(error));
    return `${error.code}: ${error.message}`;
  }
  return 'taken';
}

/** Bodies that both modes take, and what they say. */
const TAKEN: readonly (readonly [text: string, shown: readonly string[]])[] = [
  ['', []],
  ['\n', []],
  ['a 1', ['a unknown', '  {} [] 1']],
  ['a 1\n\0', ['a unknown', '  {} [] 1']],
  ['# a comment', []],
  ['# HELP a', []],
  ['# TYPE a counter', []],
  ['a{x="1",} 1\n', ['a unknown', '  {x=1} [] 1']],
  ['a {y="2",x="1"}1\n', ['a unknown', '  {x=1,y=2} [] 1']],
  ['a{x="\\\\\\"\\n"} 1\n', ['a unknown', '  {x=\\"\n} [] 1']],
  ['{"a.b","c d"="e"} 1\n', ['a.b unknown', '  {c d=e} [] 1']],
  ['a 1\nb 2\na{x="1"} 3\n', ['a unknown', '  {} [] 1', '  {x=1} [] 3', 'b unknown', '  {} [] 2']],
  [
    'a -inf\nb nan\nc infinity\n',
    ['a unknown', '  {} [] -Infinity', 'b unknown', '  {} [] NaN', 'c unknown', '  {} [] Infinity'],
  ],
  [
    '# TYPE h histogram\nh_bucket{le="+Inf",x="a"} 5\nh_bucket{x="a",le="2"} 4\nh_bucket{x="a",le="1.0"} 3\nh_sum{x="a"} 3.5\nh_count{x="b"} 5\nh_count{x="a"} 5\nh_sum{x="b"} 1\n',
    ['h histogram', '  {x=a} [1 2] 5 3.5 3 4', '  {x=b} [] 5 1'],
  ],
  [
    'h_bucket{le="1"} 3\nh_count 3\n',
    ['h_bucket unknown', '  {le=1} [] 3', 'h_count unknown', '  {} [] 3'],
  ],
  [
    '# TYPE s summary\ns{quantile="0.9"} NaN\ns{quantile="0.5"} 2\ns_sum 4\ns_count 2\n',
    ['s summary', '  {} [0.5 0.9] 2 4 2 NaN'],
  ],
];

/** Bodies that aggregate mode refuses, and replace mode takes as Pushgateway does. */
const REPLACE_ONLY: readonly (readonly [text: string, why: string, shown: readonly string[]])[] = [
  [
    '# TYPE c counter\nc NaN\n',
    'bad_value: line 2: a counter must be a finite number from 0 on, not NaN',
    ['c counter', '  {} [] NaN'],
  ],
  [
    '# TYPE c counter\nc -4\n',
    'bad_value: line 2: a counter must be a finite number from 0 on, not -4',
    ['c counter', '  {} [] -4'],
  ],
  [
    'c_total -4\n',
    'bad_value: line 1: an untyped metric whose name ends in _total is a counter, which must be a finite number from 0 on, not -4',
    ['c_total unknown', '  {} [] -4'],
  ],
  [
    '# TYPE h histogram\nh_bucket{le="1"} 3\n',
    'bad_histogram: line 2: the histogram is invalid: it has neither a count nor a bucket with le="+Inf"',
    ['h histogram', '  {} [1] 0 0 3'],
  ],
  [
    '# TYPE h histogram\nh_bucket{le="+Inf"} 2\nh_count 5\n',
    'bad_histogram: line 2: the histogram is invalid: its bucket +Inf 2 is not its count 5',
    ['h histogram', '  {} [] 5 0'],
  ],
  [
    '# TYPE h histogram\nh_count 5\nh_sum NaN\n',
    'bad_value: line 2: the sum must not be NaN',
    ['h histogram', '  {} [] 5 NaN'],
  ],
  [
    '# TYPE h histogram\nh_count 5\nh_sum Inf\n',
    'bad_value: line 2: the sum must be finite, not Infinity',
    ['h histogram', '  {} [] 5 Infinity'],
  ],
  [
    '# TYPE h histogram\nh_bucket{le="1"} 4\nh_bucket{le="2"} 3\nh_count 5\n',
    'bad_histogram: line 2: the histogram is invalid: its buckets are not cumulative',
    ['h histogram', '  {} [1 2] 5 0 4 3'],
  ],
  [
    '# TYPE h histogram\nh_bucket{le="1"} 4\nh_count 3\n',
    'bad_histogram: line 2: the histogram is invalid: its count 3 is below its last bucket 4',
    ['h histogram', '  {} [1] 3 0 4'],
  ],
  [
    '# TYPE h histogram\nh 3\n',
    'bad_body: line 2: a histogram has samples with the suffixes _bucket, _sum and _count alone',
    ['h histogram', '  {} [] 0 0'],
  ],
  [
    '# TYPE h histogram\nh_bucket 3\n',
    'bad_body: line 2: the sample needs a label le',
    ['h histogram', '  {} [] 0 0'],
  ],
  [
    '# TYPE h histogram\nh_bucket{le="NaN"} 3\nh_bucket{le="nan"} 4\n',
    'bad_body: line 2: the label le must not be NaN',
    ['h histogram', '  {} [] 0 0'],
  ],
  [
    '# TYPE h histogram\nh_count 4\nh_bucket{le="1"} 3\nh_bucket{le="1.0"} 4\n',
    'duplicate_series: line 2: a series of this metric occurs twice: a push may say each series once',
    ['h histogram', '  {} [1] 4 0 4'],
  ],
  [
    '# TYPE h histogram\nh_count 4\nh_count 5\n',
    'duplicate_series: line 2: a series of this metric occurs twice: a push may say each series once',
    ['h histogram', '  {} [] 5 0'],
  ],
  [
    '# TYPE h histogram\nh_count{le="1"} 4\n',
    'bad_body: line 2: the label le has no meaning for this sample',
    ['h histogram', '  {} [] 4 0'],
  ],
  [
    '# TYPE s summary\ns 3\n',
    'bad_body: line 2: the sample needs a label quantile',
    ['s summary', '  {} [] 0 0'],
  ],
  [
    'a{x=""} 1\na 2\n',
    'duplicate_series: line 2: the series of line 1 occurs again: a push may say each series once',
    ['a unknown', '  {x=} [] 1', '  {} [] 2'],
  ],
  [
    '# TYPE x COUNTER\nx 1\n',
    'bad_body: line 1: TYPE names an unknown metric type',
    ['x counter', '  {} [] 1'],
  ],
  [
    '# AGGREGATE q most\n',
    'bad_body: line 1: AGGREGATE needs the name of a gauge and one of last, sum, min, max, avg, count',
    [],
  ],
];

/** Bodies that replace mode refuses as Pushgateway does, and aggregate mode takes. */
const AGGREGATE_ONLY: readonly (readonly [text: string, why: string, shown: readonly string[]])[] =
  [
    [
      'a 1 123\n',
      'timestamps: pushed metrics must not have timestamps',
      ['a unknown', '  {} [] 1'],
    ],
    [
      'a 1  \n',
      'bad_body: text format parsing error in line 1: expected integer as timestamp, got ""',
      ['a unknown', '  {} [] 1'],
    ],
    [
      'a{x="\\q"} 1\n',
      'bad_body: text format parsing error in line 1: invalid escape sequence in a label value',
      ['a unknown', '  {x=\\q} [] 1'],
    ],
    [
      'a 1\n# TYPE a counter\n',
      'bad_body: text format parsing error in line 2: second TYPE line for metric name "a", or TYPE reported after samples',
      ['a counter', '  {} [] 1'],
    ],
    [
      '# TYPE a counter\n# TYPE a counter\na 1\n',
      'bad_body: text format parsing error in line 2: second TYPE line for metric name "a", or TYPE reported after samples',
      ['a counter', '  {} [] 1'],
    ],
    [
      '# HELP a x\n# HELP a y\na 1\n',
      'bad_body: text format parsing error in line 2: second HELP line for metric name "a"',
      ['a unknown', '  {} [] 1'],
    ],
  ];

/** Bodies that both modes refuse: what aggregate mode says. */
const REFUSED: readonly (readonly [text: string, why: string])[] = [
  ['a', 'bad_body: line 1: expected float as value, got ""'],
  ['a ', 'bad_body: line 1: expected float as value, got ""'],
  ['a1\n', 'bad_body: line 1: expected float as value, got ""'],
  ['b 1\na 0x10\n', 'bad_body: line 2: expected float as value, got "0x10"'],
  ['a 1_000\n', 'bad_body: line 1: expected float as value, got "1_000"'],
  ['a 1e999\n', 'bad_body: line 1: expected float as value, got "1e999"'],
  ['a +nan\n', 'bad_body: line 1: expected float as value, got "+nan"'],
  ['a 1\r\n', 'bad_body: line 1: expected float as value, got "1\r"'],
  ['a 1 5.5\n', 'bad_body: line 1: expected integer as timestamp, got "5.5"'],
  [
    'a{x="1",x="2"} 1\n',
    'bad_body: line 1: the name or labels are malformed, or a label occurs twice',
  ],
  [
    'a{__name__="b"} 1\n',
    'bad_body: line 1: the name or labels are malformed, or a label occurs twice',
  ],
  ['a 1\na{x="\xff"} 1\n', 'bad_body: line 1: the body is not UTF-8 in this line or a line below'],
  ['# TYPE x foo\n', 'bad_body: line 1: TYPE names an unknown metric type'],
  ['# HELP 9 x\n', 'bad_body: line 1: no valid family name follows HELP'],
  [
    'a{x="1"} 1\n\na{x="1"} 1\n',
    'duplicate_series: line 3: the series of line 1 occurs again: a push may say each series once',
  ],
  [
    'a{y="1",x="2"} 1\na{x="2",y="1"} 1\n',
    'duplicate_series: line 2: the series of line 1 occurs again: a push may say each series once',
  ],
  [
    '# TYPE h histogram\nh_bucket{le="x"} 3\n',
    `bad_body: line 2: expected float as value for 'le' label, got "x"`,
  ],
  [
    '# TYPE s summary\ns{quantile=""} 3\n',
    `bad_body: line 2: expected float as value for 'quantile' label, got ""`,
  ],
];

describe('readBody of text', () => {
  for (const [text, lines] of TAKEN) {
    it(`takes ${JSON.stringify(text)}`, async () => {
      assert.deepEqual(await shown(text, 'aggregate'), lines);
      assert.deepEqual(await shown(text, 'replace'), lines);
    });
  }

  for (const [text, why, lines] of REPLACE_ONLY) {
    it(`takes ${JSON.stringify(text)} in replace mode alone`, async () => {
      assert.equal(await refused(text, 'aggregate'), why);
      assert.deepEqual(await shown(text, 'replace'), lines);
    });
  }

  for (const [text, why, lines] of AGGREGATE_ONLY) {
    it(`takes ${JSON.stringify(text)} in aggregate mode alone`, async () => {
      assert.equal(await refused(text, 'replace'), why);
      assert.deepEqual(await shown(text, 'aggregate'), lines);
    });
  }

  for (const [text, why] of REFUSED) {
    it(`refuses ${JSON.stringify(text)}`, async () => {
      assert.equal(await refused(text, 'aggregate'), why);
      assert.match(
        await refused(text, 'replace'),
        /^(?:bad_body: text format parsing error in line \d+: |duplicate_series: line)/,
      );
    });
  }

  it('says what comments say', async () => {
    const text = '# HELP a Lines\\nand \\\\.\n# TYPE a gauge\n# AGGREGATE a max\na 1\n';

    const [family] = (await read(text, 'aggregate')).families;

    assert.ok(family);
    assert.deepEqual([family.help, family.gaugeMode], ['Lines\nand \\.', 'max']);
  });

  it('counts timestamps in aggregate mode', async () => {
    const { timestamps } = await read('a 1 2\nb 1\nc 1 3\n', 'aggregate');

    assert.equal(timestamps, 2);
  });

  it('finds a series again whatever the order and the escapes of its labels', async () => {
    const names = Array.from({ length: 40 }, (_, n) => `label_${n}`);
    const many = (all: readonly string[]): string => all.map((name) => `${name}="1"`).join(',');
    const bodies = [
      'a{x="\\q",y="1"} 1\na{y="1",x="\\\\q"} 2\n',
      '{"a",x="1"} 1\na{x="1"} 2\n',
      `a{${many(names)}} 1\na{${many(names.toReversed())}} 2\n`,
      '# TYPE h histogram\nh_count{x="1",y="\\n"} 1\nh_count{y="\\n",x="1"} 1\n',
    ];
    for (const body of bodies) assert.match(await refused(body, 'aggregate'), /^duplicate_series/);
  });

  it('sorts many labels', async () => {
    const names = Array.from({ length: 40 }, (_, n) => `label_${(n * 7) % 40}`);
    const text = `a{${names.map((name) => `${name}="1"`).join(',')}} 1\n`;

    const [family] = (await read(text, 'replace')).families;

    const labels = family?.metrics[0]?.labels.map(([name]) => name);
    assert.deepEqual(labels, names.toSorted());
  });

  it('stops at the bound on series', async () => {
    const text = Array.from({ length: 1_001 }, (_, n) => `a{n="${n}"} 1\n`).join('');

    const why = await refused(`${text}no metric at all`, 'aggregate');

    assert.equal(
      why,
      'series_limit: the body has more than 1000 samples: push fewer series, or fewer at once',
    );
  });
});

describe('readBody of OpenMetrics', () => {
  it('names families as text does', async () => {
    const text =
      '# TYPE c counter\nc_total{x="1"} 3 1.5 # {t="1"} 1\nc_created{x="1"} 1.5\n# TYPE i info\ni_info{v="1"} 1\n# TYPE g gaugehistogram\ng_bucket{le="1"} 2\ng_bucket{le="+Inf"} 3\ng_gcount 3\ng_gsum -1\n# EOF\n';

    assert.deepEqual(await shown(text, 'aggregate', OPENMETRICS), [
      'c_total counter',
      '  {x=1} [] 3',
      'i_info info',
      '  {v=1} [] 1',
      'g gaugehistogram',
      '  {} [1] 3 -1 2',
    ]);
  });

  it('takes HELP and UNIT from below the samples, and promgate comments', async () => {
    const text =
      '# TYPE a_seconds gauge\n# AGGREGATE a_seconds sum\na_seconds 1\n# UNIT a_seconds seconds\n# HELP a_seconds Say \\"a\\".\n# EOF';

    const [family] = (await read(text, 'aggregate', OPENMETRICS)).families;

    assert.ok(family);
    assert.deepEqual([family.unit, family.help, family.gaugeMode], ['seconds', 'Say "a".', 'sum']);
  });

  it('refuses a page that was cut short', async () => {
    assert.equal(
      await refused('a 1\n', 'aggregate', OPENMETRICS),
      'bad_body: line 2: the page does not end in # EOF',
    );
  });
});
