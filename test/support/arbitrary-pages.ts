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
