/** For every kind of token: twice the bytes cost at most two and a half times the memory and turns. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text as textOf } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { SLOW_MS } from '../support/limits.ts';
import { type Cost, FLAGS, type GivenPage } from './allocated-bytes.ts';

const x = (length: number): string => 'x'.repeat(length);
const escapes = (length: number): string => '\\\\'.repeat(length / 2);

/** A token of this length, in a line; `n` tells lines apart. */
type Line = (length: number, n: number) => string;

interface Kind {
  readonly line: Line;
  /** The longest token tried: twice as long as the other one. */
  readonly most: number;
}

const NAME = 4_000;
const VALUE = 64_000;
const LINE = 1_000_000;

const TEXT: Readonly<Record<string, Kind>> = {
  'metric name': { line: (l, n) => `m${n}_${x(l - 10)} 1\n`, most: NAME },
  'metric name in quotes': { line: (l, n) => `{"m.${n}${escapes(l - 10)}"} 1\n`, most: NAME },
  'label name': { line: (l) => `a{${x(l)}="1"} 1\n`, most: NAME },
  'label name in quotes': { line: (l) => `a{"${escapes(l)}"="1"} 1\n`, most: NAME },
  'label value': { line: (l) => `a{b="${x(l)}"} 1\n`, most: VALUE },
  'label value of escapes': { line: (l) => `a{b="${escapes(l)}"} 1\n`, most: VALUE },
  'value of a renamed label': { line: (l) => `a{job="${escapes(l)}"} 1\n`, most: VALUE },
  'text of HELP': { line: (l, n) => `# HELP m${n} ${escapes(l)}\n`, most: VALUE },
  'name in quotes in HELP': {
    line: (l, n) => `# HELP "m.${n}${escapes(l - 10)}" x\n`,
    most: NAME,
  },
  'name in TYPE': { line: (l, n) => `# TYPE m${n}_${x(l - 10)} gauge\n`, most: NAME },
  'blanks before TYPE': { line: (l, n) => `#${' '.repeat(l)}TYPE m${n} gauge\n`, most: LINE },
  comment: { line: (l) => `# ${x(l)}\n`, most: LINE },
  value: { line: (l) => `a ${'1'.repeat(l / 4000)}.${'1'.repeat(l)}\n`, most: LINE / 2 },
  timestamp: { line: (l) => `a 1 ${'0'.repeat(l)}1\n`, most: LINE },
  blanks: { line: (l) => `a ${' '.repeat(l)}1\n`, most: LINE },
  'blank lines': { line: (l) => '\n'.repeat(l), most: LINE },
  'many labels': { line: (l) => `a{${labels(l / 10)}} 1\n`, most: 50_000 },
};

const OPENMETRICS: typeof TEXT = {
  'text of HELP': { line: (l, n) => `# HELP m${n} ${escapes(l)}\n`, most: VALUE },
  'label value of escapes': { line: (l) => `a{b="${escapes(l)}"} 1\n`, most: VALUE },
  'metric name in quotes': { line: (l, n) => `{"m.${n}${escapes(l - 10)}"} 1\n`, most: NAME },
  exemplar: { line: (l) => `a_total 1 # {b="${x(l)}"} 1\n`, most: VALUE },
  'label name of an exemplar': { line: (l) => `a_total 1 # {${x(l)}="1"} 1\n`, most: NAME },
  'name in UNIT': { line: (l, n) => `# UNIT m${n}_${x(l - 10)} ${x(l - 10)}\n`, most: NAME },
  timestamp: { line: (l) => `a 1 1.${'1'.repeat(l)}\n`, most: LINE },
};

function labels(count: number): string {
  return Array.from({ length: count }, (_, n) => `l${n}="1"`).join(',');
}

/** A page of about this size. */
function pageOf({ line }: Kind, length: number, sizeBytes: number, format: GivenPage['format']) {
  const lines: string[] = [];
  for (let size = 0; size < sizeBytes; size += lines.at(-1)!.length) {
    lines.push(line(length, lines.length));
  }
  return { format, text: lines.join('') + (format === 'openmetrics' ? '# EOF\n' : '') };
}

/** A token half as long, a longer one, two of these; and pages of many. */
function pagesOf(kind: Kind, format: GivenPage['format']): GivenPage[] {
  const { most } = kind;
  return [
    pageOf(kind, most / 2, 1, format),
    pageOf(kind, most, 1, format),
    pageOf(kind, most, 2 * most, format),
    pageOf(kind, most, 500_000, format),
    pageOf(kind, most, 1_000_000, format),
  ];
}

async function costsOf(pages: readonly GivenPage[]): Promise<Cost[]> {
  const script = fileURLToPath(new URL('allocated-bytes.ts', import.meta.url));
  const child = spawn(process.execPath, [...FLAGS, script], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(pages.map((page) => `${JSON.stringify(page)}\n`).join(''));
  const [output] = await Promise.all([textOf(child.stdout), once(child, 'exit')]);
  return output
    .trim()
    .split('\n')
    .map((line): Cost => JSON.parse(line));
}

/** What costs no more than this is not looked at: buffers have a least size. */
const SMALL = { bytes: 1_500_000, turns: 2 };
/** The most that a byte of a large page costs: a string for each would be more. */
const MOST_PER_BYTE = 40;
const KINDS = [
  ...Object.entries(TEXT).map(([name, kind]) => ({ name, kind, format: 'text' as const })),
  ...Object.entries(OPENMETRICS).map(([name, kind]) => {
    return { name, kind, format: 'openmetrics' as const };
  }),
];

describe('the cost of a page', function () {
  this.timeout(SLOW_MS);

  let costs: readonly Cost[] = [];

  before(async () => {
    costs = await costsOf(KINDS.flatMap(({ kind, format }) => pagesOf(kind, format)));
  });

  for (const [at, { name, format }] of KINDS.entries()) {
    it(`is in proportion to its ${name}, in ${format}`, () => {
      const [half, one, two, many, more] = costs.slice(5 * at, 5 * at + 5);
      assert.ok(more && more.bytes <= MOST_PER_BYTE * 1_100_000 + SMALL.bytes, `${more?.bytes}`);
      for (const [small, large] of [
        [half, one],
        [one, two],
        [many, more],
      ]) {
        assert.ok(small && large);
        const least = Math.max(small.bytes, 0); // more may be given back than was taken
        assert.ok(large.bytes <= 2.5 * least + SMALL.bytes, `${small.bytes}, ${large.bytes}`);
        assert.ok(large.turns <= 2.5 * small.turns + SMALL.turns, `${small.turns}, ${large.turns}`);
      }
    });
  }
});
