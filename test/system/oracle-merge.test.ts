/**
 * Every page of the corpus, merged between two good instances, shown to a real Prometheus: no page
 * costs another its samples, and what Prometheus takes alone it takes merged.
 */
import assert from 'node:assert/strict';
import { pageRules } from '../../src/merge/page-rules.ts';
import { OPENMETRICS_TYPE, TEXT_TYPE } from '../support/answers.ts';
import { SLOW_MS } from '../support/limits.ts';
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

/** Pages of one instance that say series twice, in several spellings. */
function pagesOfOneInstance(): readonly InputPage[] {
  const histogram = 'h_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\n';
  const blue = histogram
    .replaceAll('{', '{team="blue",')
    .replace(/(_sum|_count)/g, '$1{team="blue"}');
  const texts = [
    `a{x="\\\\x",y="1"} 1\n# TYPE h histogram\n${histogram}c_total 1\nd{job="own"} 1\n`,
    `a{ y = "1", z="", team="blue", x="\\x", } 2\na{x="\\\\\\\\x",y="1"} 1\n${blue}i{team="blue"} 1\n`,
    '{"c_total"} 2\nd{exported_job="own"} 2\nd{job="other"} 1\ni{team="red"} 1\nh_sum{x="1"} 1\n',
  ];
  const rules = pageRules({ labels: [['team', 'blue']], allow: [], deny: [] });
  const pages = texts.map(
    (text, at): InputPage => ({
      ...{ bytes: Buffer.from(text), format: 'text', instance: 0 },
      rules: at === 1 ? undefined : rules,
    }),
  );
  const openMetrics: InputPage = {
    ...{ bytes: Buffer.from('# TYPE c counter\nc_total 3\n# EOF\n'), format: 'openmetrics' },
    ...{ instance: 0, rules },
  };
  return [...pages, openMetrics];
}

describe('merged pages before a real Prometheus', function () {
  this.timeout(SLOW_MS);

  const cases = verdictFiles().flatMap((file) => readVerdicts(file));
  let merged: readonly Merged[] = [];
  let ofOneInstance: Merged;
  let judgements: readonly Judgement[] = [];

  /** One Prometheus for all: it looks for its targets once in five seconds. */
  before(async function () {
    const program = requireProgram(this, 'prometheus');
    const atMs = Math.floor(Date.now() / 1000) * 1000 - 60_000 + 125;
    merged = await Promise.all(
      cases.flatMap((one) => [
        mergeBetween(one, atMs, 'openmetrics'),
        mergeBetween(one, atMs, 'text'),
      ]),
    );
    ofOneInstance = await mergePages(pagesOfOneInstance());
    const pages = merged.map(({ page, format }) => ({ bytes: page, contentType: TYPES[format] }));
    const last = { bytes: ofOneInstance.page, contentType: TEXT_TYPE };

    judgements = await judgePages(program, [...pages, last], atMs);
  });

  it('are taken whole, whatever one instance sends', () => {
    const faults = merged.flatMap((page, at) => {
      const one = cases[at >> 1]!; // two pages for each
      const fault = faultOf(one, page, judgements[at]!); // one for each page
      return fault === undefined ? [] : [`${one.format}: ${one.name}: ${fault}`];
    });

    assert.deepEqual(faults, []);
    assert.ok(merged.length > 700);
  });

  it('give each series once, whichever pages of an instance say it in whatever spelling', () => {
    const judgement = judgements.at(-1);

    assert.equal(judgement?.error, '');
    assert.equal(judgement?.samples, 12);
    assert.equal(judgement?.series.length, 12);
    assert.equal(ofOneInstance.duplicates, 8);
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
