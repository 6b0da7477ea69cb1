import assert from 'node:assert/strict';
import fc from 'fast-check';
import { toBody } from '../../src/exposition/body.ts';
import { type Grammar, OPENMETRICS, TEXT } from '../../src/exposition/grammar.ts';
import { LabelNames } from '../../src/exposition/label-names.ts';
import { SeriesScanner } from '../../src/exposition/series.ts';

const RESERVED = ['app_id', 'instance'];

const metric = fc.constantFrom('http_requests_seconds', 'http_requests_seconds', 'up', '');
const labelName = fc.constantFrom('le', 'le', 'method', 'instance', '__name__', '"q"', '');
const labelValue = fc.constantFrom('0.005', '0.01', '+Inf', 'é\\"}', 'a long value', '\\');
const label = fc
  .tuple(labelName, labelValue, fc.constantFrom('', '', '', ' '))
  .map(([name, value, blank]) => `${name}${blank}=${blank}"${value}"`);
/** A line has the first labels of the line before, another one perhaps, and the last ones. */
const change = fc.record({
  metric,
  first: fc.nat(3),
  other: fc.array(label, { maxLength: 2 }),
  last: fc.nat(2),
  comma: fc.constantFrom(',', ',', ',', ', ', ',,', ''),
  end: fc.constantFrom('}', '}', '}', ',}', ' }', ''),
});
const page = fc.array(change, { minLength: 2, maxLength: 12 }).map((changes) => {
  let labels: string[] = [];
  return changes.map(({ metric, first, other, last, comma, end }) => {
    labels = [...labels.slice(0, first), ...other, ...labels.slice(first).slice(-last)];
    return labels.length === 0 ? `${metric} 1` : `${metric}{${labels.join(comma)}${end} 1`;
  });
});

describe('SeriesScanner', () => {
  for (const grammar of [TEXT, OPENMETRICS]) {
    it(`says of a line what a scanner says that has seen no other: ${grammar.format}`, () => {
      fc.assert(
        fc.property(page, (lines) => {
          const remembering = newScanner(grammar);
          const body = toBody(Buffer.from(lines.map((text) => `${text}\n`).join('')));
          let from = 0;
          for (const text of lines) {
            const fresh = newScanner(grammar);
            const end = remembering.scan(body, from);
            assert.equal(end, fresh.scan(body, from), text);
            if (end > 0) assert.deepEqual(findings(remembering), findings(fresh), text);
            from += Buffer.byteLength(text) + 1;
          }
        }),
        { numRuns: 2500 },
      );
    });
  }

  it('tells that a name is the one before, in the same page', () => {
    const scanner = newScanner(TEXT);
    const body = toBody(Buffer.from('requests{a="1"} 1\nrequests{a="2"} 1\nrequests2{a="2"} 1\n'));
    const other = toBody(Buffer.from('requests2{a="2"} 1\n'));
    const said = [0, 18, 36].map((from) => [scanner.scan(body, from), scanner.sameName]);
    scanner.scan(other, 0);

    assert.deepEqual(said, [
      [15, false],
      [33, true],
      [52, false],
    ]);
    assert.equal(scanner.sameName, false);
  });
});

function newScanner(grammar: Grammar): SeriesScanner {
  return new SeriesScanner(grammar, new LabelNames(RESERVED));
}

/** All that a scanner tells of the last line. */
function findings(scanner: SeriesScanner): unknown {
  const { nameFrom, nameTo, insertAt, insertKind, quoted, clashes, labels, labelsEnd } = scanner;
  const noted = [...labels.subarray(0, labelsEnd)];
  return { nameFrom, nameTo, insertAt, insertKind, quoted, clashes, noted };
}
