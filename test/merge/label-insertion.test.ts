import assert from 'node:assert/strict';
import fc from 'fast-check';
import { toBody } from '../../src/exposition/body.ts';
import { TEXT } from '../../src/exposition/grammar.ts';
import { LabelNames } from '../../src/exposition/label-names.ts';
import { FamilyTable } from '../../src/merge/families.ts';
import { Indexer, type IndexerOptions } from '../../src/merge/indexer.ts';
import { InsertedLabels, type LabelPair } from '../../src/merge/labels.ts';
import { planSplice, type SplicePlan } from '../../src/merge/plan.ts';
import { HONORABLE } from '../../src/merge/relabel.ts';
import { createChunk, Splicer } from '../../src/merge/splice.ts';

/** What stands before and behind the place where labels go, and what they stand between. */
const KINDS = [
  ['m', ' 1', '{', '}'],
  ['m{', 'x="PAD"} 1', '', ','],
  ['m{', 'x="PAD\\"b",} 22.5', '', ','],
  ['m{', '} 1e5', '', ''],
  ['{"m.n"', '} 1', ',', ''],
  ['{"m.n"', ',x="PAD"} 1', ',', ''],
] as const;

interface Line {
  readonly kind: (typeof KINDS)[number];
  /** The length of its own label's value, if it has one. */
  readonly padding: number;
}

const line: fc.Arbitrary<Line> = fc.record({
  kind: fc.constantFrom(...KINDS),
  padding: fc.oneof(
    { weight: 20, arbitrary: fc.nat(40) },
    fc.constant(300),
    fc.constant(40_000),
    fc.constant(65_000),
  ),
});
/** Runs of one family, longer and shorter than is worth the kernel's while. */
const run = fc
  .tuple(fc.nat(KINDS.length - 1), fc.array(line, { maxLength: 60, size: 'max' }))
  .map(([at, lines]) => lines.map((one) => ({ ...one, kind: at < 4 ? KINDS[at]! : one.kind })));
const labelPairs: fc.Arbitrary<LabelPair[]> = fc.oneof(
  fc.constant<LabelPair[]>([]),
  fc.nat(300).map((length): LabelPair[] => [['l', 'v'.repeat(length + 1)]]),
  fc
    .constantFrom(8_000, 8_187, 8_188, 8_189, 20_000)
    .map((length): LabelPair[] => [['l', 'v'.repeat(length)]]),
);

describe('the insertion of labels', () => {
  it('gives each line its labels, whatever is long or short, through chunks of any size', () => {
    const sizes = fc.constantFrom(37, 1_000, 16_384, 65_536, 1_000_000);
    fc.assert(
      fc.property(fc.array(run, { maxLength: 4 }), labelPairs, sizes, (runs, pairs, size) => {
        const lines = runs.flat();
        const page = lines.map((one) => printed(one, '')).join('');
        const labels = pairs.map(([name, value]) => `${name}="${value}"`).join('');
        const expected = inFamilies(lines).map((one) => printed(one, labels));

        assert.equal(spliced(page, new InsertedLabels(pairs), size), expected.join(''));
      }),
      { numRuns: 400 },
    );
  });

  it('leaves out of many lines what each has itself and is honoured', () => {
    const names = HONORABLE.filter((_, at) => at < 2);
    const [first, second] = names;
    const lines = Array.from({ length: 40 }, (_, n) => [
      `m{x="${n}",${n % 2 === 0 ? first : second}="own"} 1\n`,
      `m{${n % 2 === 0 ? second : first}="given",x="${n}",${n % 2 === 0 ? first : second}="own"} 1\n`,
    ]);
    const labels = new InsertedLabels(names.map((name) => [name, 'given']));
    const options = { reserved: new LabelNames(names), honored: 3 };

    const merged = spliced(lines.map(([own]) => own).join(''), labels, 65_536, options);

    assert.equal(merged, lines.map(([, expected]) => expected).join(''));
  });
});

function printed({ kind: [front, back, before, behind], padding }: Line, labels: string): string {
  const inserted = labels === '' ? '' : `${before}${labels}${behind}`;
  return `${front}${inserted}${back.replace('PAD', 'y'.repeat(padding))}\n`;
}

/** Lines of one family stand together, families in the order met. */
function inFamilies(lines: readonly Line[]): Line[] {
  return [...Map.groupBy(lines, ({ kind: [front] }) => front[0]).values()].flat();
}

function spliced(
  page: string,
  labels: InsertedLabels,
  chunkBytes: number,
  options: Partial<IndexerOptions> = {},
): string {
  const families = new FamilyTable();
  const reserved = new LabelNames([]);
  const indexer = new Indexer({ families, grammar: TEXT, reserved, ...options });
  const index = result(indexer.index(toBody(Buffer.from(page))));
  const plan: SplicePlan = result(
    planSplice([{ page: index, labels }], families, { format: 'text' }),
  );
  const splicer = new Splicer(plan);
  const chunk = createChunk(chunkBytes);
  const parts: string[] = [];
  for (let length = splicer.fill(chunk); length > 0; length = splicer.fill(chunk)) {
    parts.push(chunk.bytes.toString('latin1', 0, length));
  }
  return parts.join('').replace(/^# TYPE .*\n/gm, '');
}

function result<T>(slices: Generator<void, T, void>): T {
  for (;;) {
    const { done, value } = slices.next();
    if (done) return value;
  }
}
