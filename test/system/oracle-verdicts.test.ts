/**
 * The corpus of pages says what a real Prometheus does: all of it is measured again here.
 *
 * After adding a case (its `accepted` may be missing), or for another version of Prometheus:
 * `PROMGATE_RECORD_VERDICTS=1 npx mocha test/system/oracle-verdicts.test.ts && npx biome check --write test/exposition`.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { OPENMETRICS_TYPE, TEXT_TYPE } from '../support/answers.ts';
import { SLOW_MS } from '../support/limits.ts';
import type { Judgement } from '../support/oracle.ts';
import { judgePages } from '../support/oracle.ts';
import { requireProgram } from '../support/require-program.ts';
import type { PageCase, Verdict } from '../support/verdicts.ts';
import {
  meantSamples,
  pageBytes,
  printSeries,
  readVerdicts,
  verdictFiles,
} from '../support/verdicts.ts';

const TYPES = { text: TEXT_TYPE, openmetrics: OPENMETRICS_TYPE };
const SHORT_BYTES = 4_096;

describe('verdicts of a real Prometheus', function () {
  this.timeout(SLOW_MS);

  it('are what the corpus says', async function () {
    const program = requireProgram(this, 'prometheus');
    const corpus = verdictFiles().map((file) => ({ file, cases: readVerdicts(file) }));
    const cases = corpus.flatMap((entry) => entry.cases);
    // 125 ms are exact as a binary fraction: Prometheus reads OpenMetrics' seconds as a float.
    const atMs = Math.floor(Date.now() / 1000) * 1000 - 60_000 + 125;
    const pages = cases.map((one) => ({
      bytes: pageBytes(one, atMs),
      contentType: TYPES[one.format],
    }));

    const judgements = await judgePages(program, pages, atMs);

    const measured = new Map(
      cases.map((one, index) => [one, verdict(one, pages[index]!.bytes, judgements[index]!)]),
    );
    if (process.env['PROMGATE_RECORD_VERDICTS'] === '1') {
      for (const { file, cases } of corpus) {
        const verdicts = cases.map((one) => measured.get(one));
        writeFileSync(file, `${JSON.stringify(verdicts, null, 2)}\n`);
      }
    } else {
      assert.deepEqual(cases.map(comparable), [...measured.values()].map(comparable));
    }
  });

  it('stand in a corpus of distinct cases, both formats well covered', () => {
    const cases = verdictFiles().flatMap((file) => readVerdicts(file));
    const names = cases.map(({ format, name }) => `${format}: ${name}`);

    assert.equal(new Set(names).size, names.length);
    assert.ok(cases.filter(({ format }) => format === 'text').length >= 200);
    assert.ok(cases.filter(({ format }) => format === 'openmetrics').length >= 150);
    for (const { name, page, base64, accepted, stricter } of cases) {
      assert.ok((page === undefined) !== (base64 === undefined), `${name}: one of page, base64`);
      assert.ok(accepted || stricter === undefined, `${name}: stricter than a refusal`);
    }
  });
});

/** The case with what was measured, its keys in the order of the files. */
function verdict(written: PageCase, bytes: Buffer, judgement: Judgement): Verdict {
  const meant = meantSamples(written, bytes);
  const { name, format, page, base64, samples, stricter, note } = written;
  const accepted = judgement.up && judgement.samples === meant;
  const cut = judgement.up ? `read ${judgement.samples} of ${meant} samples` : judgement.error;
  const showsSeries = accepted && bytes.length <= SHORT_BYTES;
  return {
    name,
    format,
    ...(page === undefined ? {} : { page }),
    ...(base64 === undefined ? {} : { base64 }),
    ...(samples === undefined ? {} : { samples }),
    accepted,
    ...(accepted ? {} : { reason: cut }),
    ...(showsSeries ? { series: judgement.series.map(printSeries).sort() } : {}),
    ...(stricter === undefined ? {} : { stricter }),
    ...(note === undefined ? {} : { note }),
  };
}

/** What must agree: `reason` is for readers. */
function comparable({ name, format, accepted, series }: Verdict): object {
  return { name, format, accepted, series };
}
