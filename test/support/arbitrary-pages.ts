/**
 * Pages for property tests: few names, so that families, suffixes and labels collide.
 */
import fc from 'fast-check';

const NAMES = [
  'a',
  'b',
  'h',
  'h_sum',
  'h_count',
  'h_bucket',
  'a_total',
  'long_name_of_a_metric_seconds',
];
const LABELS = ['x', 'le', 'quantile', 'instance', 'app_id', 'job', 'exported_instance', 'y'];
const VALUES = ['0', '1', '-2.5', '1e9', 'NaN', '+Inf', '123456789.123', '007', '.5'];
const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];

const blank = fc.constantFrom('', '', '', ' ', '\t');
const labelValue = fc.oneof(
  fc.constantFrom(
    '',
    '1',
    '+Inf',
    'mine',
    '\\"quoted\\"',
    'back\\\\slash',
    'line\\nfeed',
    'ü{}',
    '#,=',
  ),
  fc.string({ maxLength: 40 }).map((text) => text.replace(/[\\"\n]/g, '')),
);
const labelSet = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...LABELS), labelValue), {
    maxLength: 5,
    selector: ([name]) => name,
  })
  .chain((pairs) => fc.tuple(fc.constant(pairs), blank, fc.boolean()))
  .map(([pairs, gap, comma]) => {
    const text = pairs
      .map(([name, value]) => `${gap}${name}${gap}=${gap}"${value}"`)
      .join(`${gap},`);
    return `{${text}${comma && pairs.length > 0 ? ',' : ''}${gap}}`;
  });
const sample = fc
  .tuple(
    fc.constantFrom(...NAMES),
    fc.oneof(fc.constant(''), labelSet),
    fc.constantFrom(...VALUES),
    fc.constantFrom('', '', ' 1700000000000', ' 0'),
  )
  .map(([name, labels, value, timestamp]) => `${name}${labels} ${value}${timestamp}`);
const metadata = fc.oneof(
  fc
    .tuple(fc.constantFrom(...NAMES), fc.constantFrom(...TYPES))
    .map(([n, t]) => `# TYPE ${n} ${t}`),
  fc.constantFrom(...NAMES).map((name) => `# HELP ${name} Some \\help.`),
  fc.constantFrom('', '# a comment', '#'),
);

/** Lines of one page of text 0.0.4 that Prometheus takes. */
export const pageLines = fc.array(fc.oneof({ weight: 3, arbitrary: sample }, metadata), {
  maxLength: 25,
});

/** Pages of one app: the instances print a common page, some with lines left out or put in. */
export const appPages: fc.Arbitrary<string[]> = fc
  .tuple(
    pageLines,
    fc.array(
      fc.record({
        skip: fc.nat(24),
        more: pageLines,
        at: fc.nat(24),
        value: fc.constantFrom(...VALUES),
      }),
      { minLength: 1, maxLength: 6 },
    ),
    fc.boolean(),
  )
  .map(([lines, changes, ended]) =>
    changes.map(({ skip, more, at, value }, instance) => {
      const own = lines.map((line) =>
        line.startsWith('#') ? line : line.replace(/ 1$/, ` ${value}`),
      );
      if (instance % 2 === 1) own.splice(skip, 1);
      if (instance % 3 === 2) own.splice(at, 0, ...more);
      return own.join('\n') + (ended && own.length > 0 ? '\n' : '');
    }),
  );

const MIXED_NAMES = [
  ...['a', 'a_total', 'a_created', 'h', 'h_sum', 'h_bucket', 'i_info', 'g_gsum'],
  ...['"q.x"', '"q_x"', 'promgate_instance_up', '"promgate.instance_up"'],
];
const MIXED_LABELS = ['x', 'instance', 'app_id', 'job', '"instance"', '"app.id"', '"ü"'];
const DECLARED = ['a', 'h', 'i', 'g', 'a_total', 'h_sum', '"q.x"', 'promgate_instance_up'];
const FORMATS = {
  text: {
    types: TYPES,
    timestamps: ['', ' 1700000000000'],
    exemplars: [''],
    further: ['', '# a comment'],
    end: [],
  },
  openmetrics: {
    types: ['counter', 'gauge', 'histogram', 'summary', 'unknown', 'info', 'stateset'],
    timestamps: ['', ' 1.5', ' 1700000000.125'],
    exemplars: ['', '', ' # {t="x"} 1', ' # {} 1 1.5'],
    further: ['# TYPE g gaugehistogram', '# HELP a Some \\"help\\".'],
    end: ['# EOF'],
  },
} as const;

type MixedFormat = keyof typeof FORMATS;

/** Lines of either format with all that makes a page be rewritten. */
function mixedLines(format: MixedFormat): fc.Arbitrary<string[]> {
  const { types, timestamps, exemplars, further } = FORMATS[format];
  const labels = fc
    .uniqueArray(fc.tuple(fc.constantFrom(...MIXED_LABELS), fc.constantFrom('', '1', 'ü{}')), {
      maxLength: 3,
      selector: ([name]) => name.replaceAll('"', ''),
    })
    .map((pairs) => pairs.map(([name, value]) => `${name}="${value}"`).join(','));
  const line = fc
    .record({
      name: fc.constantFrom(...MIXED_NAMES),
      labels,
      value: fc.constantFrom('1', '-2.5'),
      timestamp: fc.constantFrom(...timestamps),
      exemplar: fc.constantFrom(...exemplars),
    })
    .map(({ name, labels: own, value, timestamp, exemplar }) => {
      const quoted = name.startsWith('"');
      const series = quoted ? `{${name}${own && `,${own}`}}` : `${name}${own && `{${own}}`}`;
      const mayHaveExemplar = /_(?:total|bucket)$/.test(name);
      return `${series} ${value}${timestamp}${mayHaveExemplar ? exemplar : ''}`;
    });
  const comment = fc.oneof(
    fc
      .tuple(fc.constantFrom(...DECLARED), fc.constantFrom(...types))
      .map(([name, type]) => `# TYPE ${name} ${type}`),
    fc.constantFrom(...DECLARED).map((name) => `# HELP ${name} Some help.`),
    fc.constantFrom(...further),
  );
  return fc.array(fc.oneof({ weight: 3, arbitrary: line }, comment), { maxLength: 12 });
}

export interface MixedPage {
  readonly bytes: Buffer;
  readonly format: MixedFormat;
}

/** Like `appPages`, in both formats, with names in quotes, promgate's own, and exemplars. */
export const mixedPages: fc.Arbitrary<MixedPage[]> = fc
  .record({ text: mixedLines('text'), openmetrics: mixedLines('openmetrics') })
  .chain((common) => {
    const formats = fc.constantFrom<MixedFormat>('text', 'openmetrics');
    const instance = formats.chain((format) =>
      fc
        .record({ skip: fc.option(fc.nat(12)), at: fc.nat(12), more: mixedLines(format) })
        .map(({ skip, at, more }) => {
          const own = common[format].toSpliced(at, 0, ...(at % 3 === 0 ? more : []));
          const lines = skip === null ? own : own.toSpliced(skip, 1);
          const all = [...lines, ...FORMATS[format].end].map((line) => `${line}\n`);
          return { bytes: Buffer.from(all.join('')), format };
        }),
    );
    return fc.array(instance, { minLength: 1, maxLength: 6 });
  });
