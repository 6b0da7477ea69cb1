/**
 * `npm run fuzz`: mutated inputs for everything that strangers send, seeded, for some minutes.
 *
 * `--seconds N` is the time for all together, `--seed N` the first seed (the same seed gives the same
 * inputs), `--show WORD` prints the inputs of which this came, `--scale 0.2` makes rounds smaller, `--only pages,answers,nats,broker,endpoints,cache,pushes,promql` takes some of them. Each
 * fuzzer does at least one round. Exit code 1 when anything was found: it is printed with its seed
 * and input.
 */
import { parseArgs } from 'node:util';
import { answerFuzzer } from './answers.ts';
import { brokerFuzzer } from './broker-bodies.ts';
import { cacheRuleFuzzer } from './cache-rules.ts';
import { Chance } from './chance.ts';
import { endpointFuzzer } from './endpoint-urls.ts';
import type { Fuzzer, Round } from './fuzzer.ts';
import { natsFuzzer } from './nats-messages.ts';
import { pageFuzzer } from './pages.ts';
import { promqlFuzzer } from './promql-queries.ts';
import { pushFuzzer } from './pushed-bodies.ts';

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '240' },
    seed: { type: 'string' },
    scale: { type: 'string', default: '1' },
    show: { type: 'string' },
    only: { type: 'string', default: 'pages,answers,nats,broker,endpoints,cache,pushes,promql' },
  },
});

/** Whoever fuzzes wants to be told that a server is missing. */
const context = {
  skip(): never {
    throw new Error(
      'install prometheus and nats-server first: apt-get install prometheus nats-server',
    );
  },
};

const FUZZERS: Readonly<Record<string, () => Fuzzer>> = {
  pages: () => pageFuzzer(context),
  answers: () => answerFuzzer(context),
  nats: () => natsFuzzer(context),
  broker: () => brokerFuzzer(),
  endpoints: () => endpointFuzzer(),
  cache: () => cacheRuleFuzzer(),
  pushes: () => pushFuzzer(),
  promql: () => promqlFuzzer(),
};

const MAX_SHOWN = 5;
const print = (text: string): void => void process.stdout.write(`${text}\n`);

function tell(name: string, seed: number, { inputs, findings, outcomes }: Round): void {
  const words = Map.groupBy(outcomes, ({ word }) => word);
  const counts = Array.from(words, ([word, { length }]) => `${length} ${word}`);
  print(
    `${name}, seed ${seed}: ${inputs} inputs, ${findings.length} findings (${counts.join('; ')})`,
  );
  for (const { what, input } of findings.slice(0, MAX_SHOWN)) {
    print(`  ${what}\n    input, base64: ${input.toString('base64').slice(0, 2000)}`);
  }
  for (const { input } of words.get(flags.show ?? '') ?? [])
    print(JSON.stringify(input.toString('latin1')));
}

const names = flags.only.split(',');
const unknown = names.filter((name) => !Object.hasOwn(FUZZERS, name));
if (unknown.length > 0) throw new Error(`no such fuzzer: ${unknown.join(', ')}`);
const shareMs = (Number(flags.seconds) * 1000) / names.length;
const firstSeed = Number(flags.seed ?? Date.now() % 1e9);
let found = 0;
let inputs = 0;
for (const name of names) {
  const fuzzer = FUZZERS[name]!(); // it is one of them
  const endMs = performance.now() + shareMs;
  let seed = firstSeed;
  do {
    const round = await fuzzer.round(new Chance(seed), Number(flags.scale));
    tell(name, seed, round);
    found += round.findings.length;
    inputs += round.inputs;
    seed++;
  } while (performance.now() < endMs);
}
print(`${inputs} inputs, ${found} findings`);
process.exitCode = found > 0 ? 1 : 0;
