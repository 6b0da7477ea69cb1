/**
 * Bodies of pushes: mutants in all formats and encodings. Each is refused, or becomes a page that
 * keeps its promises, and that is read back from what it is printed as.
 */
import { isDeepStrictEqual } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { PushMode } from '../../src/push/push.ts';
import { type PushedPage, runLength } from '../../src/push/pushed-page.ts';
import { decodeBody } from '../../src/push/read/decode.ts';
import { type PushedBody, readBody } from '../../src/push/read/read-body.ts';
import { maskedChecksum } from '../../src/push/read/snappy-frames.ts';
import { PushRefusal } from '../../src/push/refusal.ts';
import {
  bytesField,
  delimited,
  doubleField,
  printText,
  varintField,
} from '../support/metric-families.ts';
import type { Chance } from './chance.ts';
import type { Finding, Fuzzer, Outcome } from './fuzzer.ts';

const CASES = 4_000;
/** No body is as long as this takes; a stall is far longer. */
const STALL_MS = 5_000;
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0';
const PROTOBUF =
  'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';

const TEXT = `# HELP c_total Some "help" \\\\ \\n of it.
# TYPE c_total counter
c_total{a="1",b="x y"} 3
c_total{b="\\"q\\" \\\\ \\n",a="é"} 4.5
# TYPE h histogram
h_bucket{le="0.5"} 1
h_bucket{le="1"} 2
h_bucket{le="+Inf"} 3
h_sum 4
h_count 3
# TYPE s summary
s{x="1",quantile="0.5"} NaN
s_sum{x="1"} 4
s_count{x="1"} 3
# TYPE g gauge
# AGGREGATE g max
g{x=""} -1e-5
{"dotted.name","label.name"="1"} 5
untyped_total 0
`;
const STRICT = `# TYPE c counter
# HELP c Help.
c_total{a="1"} 3 # {trace_id="1"} 1 1.5
c_created{a="1"} 1700000000.5
# TYPE size_bytes gaugehistogram
# UNIT size_bytes bytes
size_bytes_bucket{le="1.0"} 1
size_bytes_bucket{le="+Inf"} 2
size_bytes_gcount 2
size_bytes_gsum -1
# TYPE build info
build_info{version="1"} 1
# TYPE state stateset
state{state="on"} 1
# EOF
`;
const HISTOGRAM = bytesField(
  7,
  Buffer.concat([
    varintField(1, 3),
    doubleField(2, 4),
    bytesField(3, Buffer.concat([varintField(1, 2), doubleField(2, 1)])),
  ]),
);
const NATIVE = bytesField(
  7,
  Buffer.concat([varintField(1, 3), varintField(5, 3), bytesField(12, varintField(1, 2))]),
);
const LABEL = bytesField(1, Buffer.concat([bytesField(1, 'a'), bytesField(2, '1')]));

function family(name: string, type: number, ...metrics: Buffer[]): Buffer {
  const fields = metrics.map((metric) => bytesField(4, metric));
  return delimited(
    Buffer.concat([bytesField(1, name), bytesField(2, 'Help.'), varintField(3, type), ...fields]),
  );
}

const MESSAGES = Buffer.concat([
  family(
    'c_total',
    0,
    bytesField(3, doubleField(1, 1)),
    Buffer.concat([LABEL, bytesField(3, doubleField(1, 2))]),
  ),
  family('g', 1, bytesField(2, doubleField(1, -1))),
  family('h', 4, HISTOGRAM, Buffer.concat([LABEL, HISTOGRAM])),
  family(
    's',
    2,
    bytesField(4, Buffer.concat([varintField(1, 3), bytesField(3, doubleField(1, 0.5))])),
  ),
]);

function framed(data: Buffer): Buffer {
  const chunk = (type: number, bytes: Buffer): Buffer => {
    const header = Buffer.from([type, 0, 0, 0]);
    header.writeUIntLE(bytes.length, 1, 3);
    return Buffer.concat([header, bytes]);
  };
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(maskedChecksum(data));
  return Buffer.concat([
    chunk(0xff, Buffer.from('sNaPpY')),
    chunk(1, Buffer.concat([checksum, data])),
  ]);
}

interface Seed {
  readonly bytes: Buffer;
  readonly contentType?: string;
  readonly encoding?: string;
  /** Applied after the mutation. */
  readonly wrap?: (bytes: Buffer) => Buffer;
}

const SEEDS: readonly Seed[] = [
  { bytes: Buffer.from(TEXT) },
  {
    bytes: Buffer.from(TEXT),
    wrap: (bytes) => Buffer.from(JSON.stringify(bytes.toString('latin1'))),
  },
  { bytes: Buffer.from(JSON.stringify(TEXT)) },
  { bytes: Buffer.from(STRICT), contentType: OPENMETRICS },
  { bytes: MESSAGES, contentType: PROTOBUF },
  { bytes: family('n', 4, NATIVE), contentType: PROTOBUF },
  { bytes: gzipSync(TEXT), encoding: 'gzip' },
  { bytes: framed(Buffer.from(TEXT)), encoding: 'snappy' },
  {
    bytes: MESSAGES,
    contentType: PROTOBUF,
    encoding: 'snappy',
    wrap: (bytes) => framed(bytes.subarray(0, 65_536)),
  },
];
const WORDS = [
  ...[
    '# HELP h a',
    '# TYPE a counter\n',
    '# TYPE h_count gauge\n',
    '# AGGREGATE g sum\n',
    '# EOF\n',
  ],
  ...[
    'h_bucket{le="1"} 3\n',
    's{quantile="1"} 1\n',
    'h_sum NaN\n',
    'a="1"',
    ',',
    'le="NaN"',
    '__name__="x"',
  ],
  ...[
    '"',
    '\\',
    '\\n',
    '\u0000',
    '\ud800',
    '\r\n',
    ' 1700000000000',
    ' -5',
    '+Inf',
    'NaN',
    '0x1',
    '1e999',
    '-0',
  ],
  ...['\u0012\u0003', '\u000a\u0001a', '\u0022\u0000'],
];

const LINES = [
  ...[
    'h_bucket{le="0.7"} 1',
    'h_bucket{le="0.50"} 1',
    'h_bucket{le="0.1"} 9',
    'h_count{x="1"} 1',
    'h_sum NaN',
  ],
  ...[
    's{quantile="0.9",x="1"} 1',
    's_count 1',
    's_sum{x="1"} 1',
    'g{x=""} 1',
    'g 1',
    'g NaN',
    'c_total -1',
  ],
  ...[
    'c_total{a="2"} 1e300',
    'c_created{a="2"} 5',
    'x_count 1 5',
    '# TYPE c_total counter',
    '# TYPE h gauge',
  ],
  ...[
    '# HELP h x',
    '# AGGREGATE h sum',
    '# AGGREGATE g sum',
    '# TYPE c counter',
    'c 1',
    'h 1',
    '# EOF',
    '',
  ],
];

/** Lines are left out, put in, put twice or elsewhere. */
function mutateLines(chance: Chance, bytes: Buffer): Buffer {
  const lines = bytes.toString().split('\n');
  for (let left = 1 + chance.below(3); left > 0; left--) {
    const at = chance.below(lines.length);
    const line = chance.pick([chance.pick(LINES), chance.pick(lines)]);
    lines.splice(at, chance.below(2), ...(chance.below(3) > 0 ? [line] : []));
  }
  return Buffer.from(lines.join('\n'));
}

export function pushFuzzer(): Fuzzer {
  return {
    async round(chance, scale) {
      const findings: Finding[] = [];
      const outcomes: Outcome[] = [];
      const count = Math.ceil(CASES * scale);
      for (let n = 0; n < count; n++) {
        const { bytes, wrap, contentType = '', encoding = '' } = chance.pick(SEEDS);
        const inLines = encoding === '' && contentType !== PROTOBUF && chance.below(2) > 0;
        const mutant = inLines ? mutateLines(chance, bytes) : chance.mutate(bytes, WORDS);
        const input = wrap === undefined ? mutant : wrap(mutant);
        const mode = chance.pick(['aggregate', 'replace'] as const);
        const startedMs = performance.now();
        const { word, what } = await outcomeOf(input, { contentType, encoding, mode });
        if (what !== undefined) findings.push({ what, input });
        if (performance.now() - startedMs > STALL_MS)
          findings.push({ what: 'it took long', input });
        outcomes.push({ word, input });
      }
      return { inputs: count, findings, outcomes };
    },
  };
}

interface Sent {
  readonly contentType: string;
  readonly encoding: string;
  readonly mode: PushMode;
}

async function outcomeOf(
  input: Buffer,
  { contentType, encoding, mode }: Sent,
): Promise<{ word: string; what?: string }> {
  const options = { contentType, mode, maxSeries: 20_000 };
  let body: PushedBody;
  let bytes: Buffer;
  try {
    bytes = await decodeBody(Buffer.from(input), encoding, { maxBytes: 1 << 20, maxRatio: 100 });
    body = await readBody(Buffer.from(bytes), options);
  } catch (error) {
    if (error instanceof PushRefusal) return { word: error.code };
    return { word: 'thrown', what: `no refusal: ${error instanceof Error ? error.stack : error}` };
  }
  const what =
    faultOf(body.page) ?? layoutFault(body, bytes) ?? (await printFault(body.page, mode));
  return what === undefined ? { word: 'taken' } : { word: 'taken', what };
}

/** What promise of a page is broken. */
function faultOf({ families, values }: PushedPage): string | undefined {
  let next = 0;
  if (new Set(families.map(({ name }) => name)).size < families.length) return 'a family twice';
  for (const { name, type, metrics } of families) {
    if (name === '' || metrics.length === 0) return 'a family without name or metrics';
    const seen = new Set(metrics.map(({ labels }) => JSON.stringify(labels)));
    if (seen.size < metrics.length) return `the family ${name} has a metric twice`;
    for (const { labels, bounds, at } of metrics) {
      if (at !== next) return 'values lie elsewhere';
      next += runLength(type, bounds);
      if (labels.some(([label], place) => place > 0 && label <= labels[place - 1]![0]))
        return 'labels are not sorted';
      if (bounds.some((bound, place) => place > 0 && !(bound > bounds[place - 1]!)))
        return 'bounds are not ascending';
    }
  }
  return next === values.length ? undefined : 'values are too many or too few';
}

/** The layout of a body reads the body itself, or leaves it to the reader. */
function layoutFault({ page, layout }: PushedBody, bytes: Buffer): string | undefined {
  const values = layout()?.read(bytes);
  if (values === undefined || isDeepStrictEqual(values, page.values)) return undefined;
  return 'the layout reads other values';
}

const ONLY_OPENMETRICS: readonly string[] = ['gaugehistogram', 'info', 'stateset'];

/** The page is read back from its text. */
async function printFault(page: PushedPage, mode: PushMode): Promise<string | undefined> {
  const { families } = page;
  if (mode === 'replace' || families.some(({ type }) => ONLY_OPENMETRICS.includes(type)))
    return undefined;
  const printed = printText(page, 'text');
  const again = await readBody(printed, { contentType: '', mode, maxSeries: 20_000 });
  if (!isDeepStrictEqual(again.page.values, page.values)) return 'other values are read back';
  const labels = (read: PushedPage): unknown =>
    read.families.map(({ name, metrics }) => [name, metrics.map((one) => one.labels)]);
  return isDeepStrictEqual(labels(again.page), labels(page))
    ? undefined
    : 'other labels are read back';
}
