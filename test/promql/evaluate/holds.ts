/**
 * Rules as examples: series, evaluations and their values, in the notation of Prometheus' own tests.
 */
import { parse } from '../../../src/promql/parse.ts';
import { readCorpusFile } from '../corpus/corpus-file.ts';
import { CorpusStorage } from '../corpus/corpus-storage.ts';
import { checkEvaluation } from '../corpus/run-evaluation.ts';

const EVERYTHING = {
  experimentalFunctions: true,
  durationExpressions: true,
  extendedRanges: true,
  fillModifiers: true,
};

/** The start of a command, which a blank line must precede. */
const COMMAND = /^[ ]*(?=(?:load|eval|clear)\b)/gm;

/** Checks every evaluation of an example, and all executions that follow from each. */
export async function holds(example: string): Promise<void> {
  let storage = new CorpusStorage();
  let evaluations = 0;
  for (const command of readCorpusFile(example.replace(COMMAND, '\n\n'))) {
    if (command.kind === 'clear') storage = new CorpusStorage();
    else if (command.kind === 'load') storage = storage.with(command);
    else {
      await checkEvaluation(command, storage.storage(), (text) => parse(text, EVERYTHING));
      evaluations++;
    }
  }
  if (evaluations === 0) throw new Error('the example evaluates nothing');
}
