/**
 * Pages: mutants of the corpus, each merged between two good ones, with Prometheus as the judge of
 * the mutant and of the merged page.
 */
import { OPENMETRICS_TYPE, TEXT_TYPE } from '../support/answers.ts';
import { instanceLabels, type Merged, mergePages } from '../support/merged.ts';
import { type Judgement, judgePages } from '../support/oracle.ts';
import { requireProgram, type Skippable } from '../support/require-program.ts';
import { pageBytes, readVerdicts, verdictFiles } from '../support/verdicts.ts';
import type { Chance } from './chance.ts';
import type { Finding, Fuzzer } from './fuzzer.ts';

const CASES = 400;
const TYPES = { text: TEXT_TYPE, openmetrics: OPENMETRICS_TYPE };
const GOOD = { text: 'good{x="1"} 1\n', openmetrics: 'good{x="1"} 1\n# EOF\n' };
const WORDS = [
  ...['# HELP a b', '# TYPE a counter', '# UNIT', '# EOF\n', ' # {a="b"} 1', '{a="b"}', ',a="b",'],
  ...['"', '\\', '\\"', '\\n', 'é', '°', '日', '😀', '\u0000', '\r\n', 'NaN', '+Inf', '1e999'],
  ...[
    '__name__',
    'promgate_x 1\n',
    '{"a.b"} 1\n',
    ' 1700000000000',
    '_total',
    '_bucket{le="1"} 1\n',
  ],
];

interface Mutant {
  readonly format: 'text' | 'openmetrics';
  readonly bytes: Buffer;
  readonly merged: Merged;
}

export function pageFuzzer(context: Skippable): Fuzzer {
  const program = requireProgram(context, 'prometheus');
  return {
    async round(chance, scale) {
      const atMs = Math.floor(Date.now() / 1000) * 1000 - 60_000;
      const mutants = await makeMutants(chance, Math.ceil(CASES * scale), atMs);
      const own = mutants.map(({ bytes, format }) => ({ bytes, contentType: TYPES[format] }));
      const merged = mutants.map(({ merged: { page, format } }) => {
        return { bytes: page, contentType: TYPES[format] };
      });
      const judgements = await judgePages(program, [...own, ...merged], atMs);
      const findings: Finding[] = [];
      const outcomes = mutants.map((mutant, at) => {
        const alone = judgements[at]!;
        const what = faultOf(mutant, alone, judgements[mutants.length + at]!);
        if (what !== undefined) findings.push({ what, input: mutant.bytes });
        const own = mutant.merged.refused.length > 0 ? 'refused' : 'taken';
        return { word: `${own}, ${alone.up ? 'up' : 'down'}`, input: mutant.bytes };
      });
      return { inputs: mutants.length, findings, outcomes };
    },
  };
}

async function makeMutants(chance: Chance, count: number, atMs: number): Promise<Mutant[]> {
  const cases = verdictFiles().flatMap((file) => readVerdicts(file));
  const accepted = cases.filter((one) => one.accepted); // of the corpus only a third
  const mutants: Mutant[] = [];
  for (let n = 0; n < count; n++) {
    const one = chance.pick(chance.below(4) > 0 ? accepted : cases);
    const bytes = chance.mutate(pageBytes(one, atMs), WORDS);
    const good = chance.pick(['text', 'openmetrics'] as const);
    const beside = { format: good, bytes: Buffer.from(GOOD[good]) };
    const merged = await mergePages([beside, { format: one.format, bytes }, beside]);
    mutants.push({ format: one.format, bytes, merged });
  }
  return mutants;
}

/** A name in quotes: Prometheus knows it from version 3 on, Debian's is 2.42. */
const QUOTED_NAME = /[{,][ \t]*"/;

function faultOf(
  { merged, bytes }: Mutant,
  alone: Judgement,
  together: Judgement,
): string | undefined {
  if (merged.refused.some((place) => place !== 1)) return 'a good page was refused';
  if (!together.up) return `Prometheus refuses the merged page: ${together.error}`;
  if (goodSeries(together) < 2) return 'a good page lost its sample';
  if (merged.refused.length === 0 && !alone.up && !QUOTED_NAME.test(bytes.toString('latin1'))) {
    return `Prometheus refuses what was taken: ${alone.error}`;
  }
  return undefined;
}

/** How many of the good pages' samples were stored. */
function goodSeries({ series }: Judgement): number {
  const [name] = instanceLabels(0).at(-1)!; // `instance`
  const own = [0, 2].map((index) => instanceLabels(index).at(-1)?.[1]);
  return series.filter(
    ({ labels }) => labels['__name__'] === 'good' && own.includes(labels[name] ?? ''),
  ).length;
}
