/**
 * Every page of the corpus, merged between two good instances, shown to a real Prometheus: no page
 * costs another its samples, and what Prometheus takes alone it takes merged.
 */
import assert from 'node:assert/strict';
import { OPENMETRICS_TYPE, TEXT_TYPE } from '../support/answers.ts';
import { type InputPage, instanceLabels, type Merged, mergePages } from '../support/merged.ts';
import { type Judgement, judgePages } from '../support/oracle.ts';
import { requireProgram } from '../support/require-program.ts';
import {
  pageBytes,
  printSeries,
  readVerdicts,
  type Verdict,
  verdictFiles,
} from '../support/verdicts.ts';

const GOOD = { text: 'good{x="1"} 1\n', openmetrics: 'good{x="1"} 1\n# EOF\n' };
const TYPES = { text: TEXT_TYPE, openmetrics: OPENMETRICS_TYPE };
/** The hostile page stands between the good ones. */
const HOSTILE = 1;

describe('merged pages before a real Prometheus', () => {
  it('are taken whole, whatever one instance sends', async function () {
    const program = requireProgram(this, 'prometheus');
    const atMs = Math.floor(Date.now() / 1000) * 1000 - 60_000 + 125;
    const cases = verdictFiles().flatMap((file) => readVerdicts(file));
    const merged = await Promise.all(
      cases.flatMap((one) => [
        mergeBetween(one, atMs, 'openmetrics'),
        mergeBetween(one, atMs, 'text'),
      ]),
    );
    const pages = merged.map(({ page, format }) => ({ bytes: page, contentType: TYPES[format] }));

    const judgements = await judgePages(program, pages, atMs);

    const faults = judgements.flatMap((judgement, at) => {
      const one = cases[at >> 1]!;
      const fault = faultOf(one, merged[at]!, judgement);
      return fault === undefined ? [] : [`${one.format}: ${one.name}: ${fault}`];
    });
    assert.deepEqual(faults, []);
  });
});

/** @param good - the format of the good pages: beside text, OpenMetrics is turned into text */
function mergeBetween(one: Verdict, atMs: number, good: 'text' | 'openmetrics'): Promise<Merged> {
  const neighbour: InputPage = { bytes: Buffer.from(GOOD[good]), format: good };
  const hostile: InputPage = { bytes: pageBytes(one, atMs), format: one.format };
  return mergePages([neighbour, hostile, neighbour], { preferOpenMetrics: true });
}

function faultOf(one: Verdict, merged: Merged, judgement: Judgement): string | undefined {
  if (!judgement.up) return `refused: ${judgement.error}`;
  const stored = judgement.series.map(printSeries);
  for (const index of [0, 2]) {
    const good = labelled('good{x="1"} 1', index);
    if (!stored.includes(good)) return `lost the good instance ${index}`;
  }
  if (merged.refused.includes(HOSTILE)) {
    return stored.length === 2 ? undefined : 'a refused page is in the merged one';
  }
  const missing = (one.series ?? [])
    .map((series) => labelled(series, HOSTILE))
    .filter((series) => !stored.includes(series));
  return missing.length === 0 ? undefined : `lost ${missing.join(' and ')}`;
}

/** A series as Prometheus stores it once it has the labels of an instance. */
function labelled(series: string, index: number): string {
  const [, name = '', labels = '', rest = ''] = /^([^{ ]+)(?:\{(.*)\})?( .*)$/s.exec(series)!;
  const own = new Map(instanceLabels(index));
  const pairs = Array.from(
    labels.matchAll(/([^=,]+)=("(?:[^"\\]|\\.)*")/gs),
    ([, label, value]) => {
      const taken = own.has(label!) || label === 'job';
      return [taken ? `exported_${label}` : label!, value!] as const;
    },
  );
  for (const [label, value] of own) pairs.push([label, JSON.stringify(value)]);
  const sorted = pairs.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `${name}{${sorted.map(([label, value]) => `${label}=${value}`).join(',')}}${rest}`;
}
