import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Body, toBody } from '../../src/exposition/body.ts';
import { ExpositionError } from '../../src/exposition/error.ts';
import { OPENMETRICS, TEXT } from '../../src/exposition/grammar.ts';
import { LabelNames } from '../../src/exposition/label-names.ts';
import { FamilyTable } from '../../src/merge/families.ts';
import { Indexer, type IndexerOptions } from '../../src/merge/indexer.ts';
import { InsertedLabels } from '../../src/merge/labels.ts';
import type { PageIndex } from '../../src/merge/page-index.ts';
import { planSplice } from '../../src/merge/plan.ts';
import { createChunk, Splicer } from '../../src/merge/splice.ts';
import { toText } from '../../src/merge/text.ts';

const RESERVED = new LabelNames(['job', 'instance']);
const LABELS = new InsertedLabels([
  ['index', '0'],
  ['instance', '10.0.0.1:61001'],
]);

const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'info', 'stateset', 'gaugehistogram'];
const SUFFIXES = [
  '',
  '_total',
  '_created',
  '_bucket',
  '_sum',
  '_count',
  '_info',
  '_gsum',
  '_gcount',
];
const exemplars = fc.constantFrom(
  '',
  '',
  ' # {trace_id="a",job="x"} 0.5',
  ' # {} 1 1.5',
  ' # {a="#"} 2',
);

const family = fc
  .tuple(
    fc.constantFrom('a', 'b', 'h', 'http_requests'),
    fc.constantFrom(...TYPES, 'unknown', undefined),
    fc.constantFrom('It.', 'Say \\"it\\" \\\\n', '', undefined),
    fc.array(
      fc.tuple(
        fc.constantFrom(...SUFFIXES),
        fc.constantFrom(
          '',
          '{}',
          '{x="1"}',
          '{job="own"}',
          '{instance="own",le="1"}',
          '{x="é # "}',
        ),
        fc.constantFrom('1', '-2.5e3', 'NaN', '+Inf', '12345678901234567890123'),
        exemplars,
      ),
      { maxLength: 12 },
    ),
  )
  .map(([name, type, help, samples]) =>
    [
      type === undefined ? '' : `# TYPE ${name} ${type}\n`,
      help === undefined ? '' : `# HELP ${name} ${help}\n`,
      ...samples.map(([suffix, labels, value, exemplar]) => {
        const may = suffix === '_total' || suffix === '_bucket';
        return `${name}${suffix}${labels} ${value}${may ? exemplar : ''}\n`;
      }),
    ].join(''),
  );
const page = fc
  .uniqueArray(family, { maxLength: 4, selector: (text) => /^# \S+ (\S+)/.exec(text)?.[1] ?? text })
  .map((families) => `${families.join('')}# EOF\n`);

describe('a page of OpenMetrics whose lines become those of text', () => {
  for (const scan of [true, false]) {
    it(`is the page that is written anew as text: ${scan ? 'scanned' : 'parsed'}`, () => {
      fc.assert(
        fc.property(fc.array(page, { minLength: 1, maxLength: 3 }), (pages) => {
          const edited = merged(pages, (body, families) => {
            const indexer = newIndexer(families, { grammar: OPENMETRICS, asText: true, scan });
            return result(indexer.index(body));
          });
          const written = merged(pages, (body, families) => {
            const first = result(newIndexer(families, { grammar: OPENMETRICS }).index(body));
            const text = result(toText(first, families)).body;
            return result(newIndexer(families, { grammar: TEXT, scan: false }).index(text));
          });

          assert.equal(edited, written);
        }),
        { numRuns: 1_500 },
      );
    });
  }

  it('tells of timestamps, which an edit cannot turn into those of text', () => {
    const index = (line: string): PageIndex =>
      result(
        newIndexer(new FamilyTable(), { grammar: OPENMETRICS, asText: true }).index(
          toBody(Buffer.from(`a_total 1\n${line}\n# EOF\n`)),
        ),
      );

    assert.equal(index('a_total 2 1.5').timestamped, true);
    assert.equal(index('a_total 2 # {} 1 1.5').timestamped, false);
    assert.equal(index('a_total 2 1.5 # {} 1').timestamped, true);
    assert.equal(index('a_total 2').timestamped, false);
  });
});

type Index = (body: Body, families: FamilyTable) => PageIndex;

/** The merged page, or 'refused'. */
function merged(pages: readonly string[], index: Index): string {
  const families = new FamilyTable();
  try {
    const sources = pages.map((text) => ({
      page: index(toBody(Buffer.from(text)), families),
      labels: LABELS,
    }));
    const splicer = new Splicer(result(planSplice(sources, families, { format: 'text' })));
    const chunk = createChunk(1_000);
    const parts: string[] = [];
    for (let length = splicer.fill(chunk); length > 0; length = splicer.fill(chunk)) {
      parts.push(chunk.bytes.toString('latin1', 0, length));
    }
    return parts.join('');
  } catch (error) {
    assert.ok(error instanceof ExpositionError, String(error));
    return 'refused';
  }
}

function newIndexer(
  families: FamilyTable,
  options: Pick<IndexerOptions, 'grammar' | 'asText' | 'scan'>,
): Indexer {
  return new Indexer({ families, reserved: RESERVED, renames: true, ...options });
}

function result<T>(steps: Generator<void, T, void>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
