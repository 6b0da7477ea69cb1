/**
 * Prometheus' own evaluations, each with all executions that follow from it.
 *
 * The files are not part of this repository: `PROMGATE_PROMQL_CORPUS` names the folder that holds them in `testdata/`.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from '../../../src/promql/parse.ts';
import { readCorpusFile } from './corpus-file.ts';
import { CorpusStorage } from './corpus-storage.ts';
import { checkEvaluation } from './run-evaluation.ts';

const folder = process.env['PROMGATE_PROMQL_CORPUS'];
const EVERYTHING = {
  experimentalFunctions: true,
  durationExpressions: true,
  extendedRanges: true,
  fillModifiers: true,
};
const EVALUATIONS = 2214;

describe('the corpus of Prometheus', () => {
  if (folder === undefined) {
    it('is evaluated where PROMGATE_PROMQL_CORPUS names its folder', function () {
      this.skip();
    });
    return;
  }
  const data = path.join(folder, 'testdata');
  if (!existsSync(data)) throw new Error(`PROMGATE_PROMQL_CORPUS: there is no ${data}`);
  let evaluations = 0;
  for (const name of readdirSync(data).toSorted()) {
    describe(name, () => {
      let storage = new CorpusStorage();
      for (const command of readCorpusFile(readFileSync(path.join(data, name), 'utf8'))) {
        if (command.kind === 'clear') storage = new CorpusStorage();
        else if (command.kind === 'load') {
          // Later loads must not be seen by earlier evaluations, which run after all files were read.
          storage = storage.with(command);
        } else {
          const loaded = storage;
          evaluations++;
          it(`line ${command.line}: ${command.expression}`, async () => {
            await checkEvaluation(command, loaded.storage(), (text) => parse(text, EVERYTHING));
          });
        }
      }
    });
  }
  it('is complete', () => {
    assert.equal(evaluations, EVALUATIONS);
  });
});
