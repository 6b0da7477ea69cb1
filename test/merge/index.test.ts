import assert from 'node:assert/strict';
import { toBody } from '../../src/exposition/body.ts';
import { ExpositionError } from '../../src/exposition/error.ts';
import { type Grammar, OPENMETRICS, TEXT } from '../../src/exposition/grammar.ts';
import { LabelNames } from '../../src/exposition/label-names.ts';
import { FamilyTable } from '../../src/merge/families.ts';
import { Indexer } from '../../src/merge/index.ts';
import { pageBytes, readVerdicts, verdictFiles } from '../support/verdicts.ts';

/** Names in quotes are Prometheus 3's: we take them, and print them as the reader understands. */
const UNDERSTOOD = /^(?!exemplar|timestamp).*quoted(?!.*without braces)/i;
/** A moment that fills the placeholders for timestamps in the recorded pages. */
const AT_MS = 1_700_000_000_125;

describe('Indexer', () => {
  for (const file of verdictFiles()) {
    it(`accepts and refuses what Prometheus does: ${file}`, () => {
      const wrong = readVerdicts(file).flatMap((verdict) => {
        const { name, format, stricter } = verdict;
        const accepted = verdict.accepted || UNDERSTOOD.test(name);
        const grammar = format === 'text' ? TEXT : OPENMETRICS;
        const indexer = newIndexer(grammar);
        const wanted = accepted && stricter === undefined;
        const body = toBody(pageBytes(verdict, AT_MS));
        return accepts(indexer, body) === wanted
          ? []
          : [`${wanted ? 'refused' : 'accepted'}: ${name}`];
      });

      assert.deepEqual(wrong, []);
    });
  }

  it('refuses NUL in names in quotes, also behind a backslash', () => {
    for (const line of [
      '{"aNULb"} 1',
      '{"a","xNULy"="1"} 1',
      'a{"xNULy"="1"} 1',
      '# HELP "aNULb" x',
      '# TYPE "aNULb" gauge',
      '# TYPE "aNUL" gauge',
    ]) {
      for (const nul of ['\0', '\\\0']) {
        for (const grammar of [TEXT, OPENMETRICS]) {
          const page = `b 1\n${line.replace('NUL', nul)}\n${grammar === TEXT ? '' : '# EOF\n'}`;
          assert.ok(!accepts(newIndexer(grammar), toBody(Buffer.from(page))), JSON.stringify(page));
        }
      }
    }
  });
});

function newIndexer(grammar: Grammar): Indexer {
  return new Indexer({ families: new FamilyTable(), grammar, reserved: new LabelNames([]) });
}

function accepts(indexer: Indexer, body: ReturnType<typeof toBody>): boolean {
  try {
    for (const _ of indexer.index(body));
    return true;
  } catch (error) {
    assert.ok(error instanceof ExpositionError);
    return false;
  }
}
