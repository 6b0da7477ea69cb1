/**
 * Prometheus' own evaluations through a federation: three groups of two servers, each of which has a part of the series,
 * and each with other holes.
 *
 * The files are not part of this repository: `PROMGATE_PROMQL_CORPUS` names the folder that holds them in `testdata/`.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { memoryStorage } from '../../src/promql/evaluate/memory-storage.ts';
import type { SeriesBlock, Storage } from '../../src/promql/evaluate/storage.ts';
import { parse } from '../../src/promql/parse.ts';
import { labelKey } from '../../src/query/merge/label-key.ts';
import { readCorpusFile } from '../promql/corpus/corpus-file.ts';
import { CorpusStorage } from '../promql/corpus/corpus-storage.ts';
import { checkEvaluation } from '../promql/corpus/run-evaluation.ts';
import { EVERYBODY, openTestFederation, type TestFederation } from '../support/federation.ts';
import { type QueryServer, startQueryServer } from '../support/query-server.ts';
import { scattered } from '../support/seeded-numbers.ts';

const folder = process.env['PROMGATE_PROMQL_CORPUS'];
const EVERYTHING = {
  experimentalFunctions: true,
  durationExpressions: true,
  extendedRanges: true,
  fillModifiers: true,
};
const EVALUATIONS = 2214;
/** Evaluations that follow from others are checked for one in so many, since each asks six servers. */
const DERIVED_EACH = 12;
const SHARDS = 3;
const REPLICAS = 2;
const ALL_TIME = { afterMs: -1e15, untilMs: 1e15 };
const NO_HINTS = { function: '', stepMs: 0, rangeMs: 0 };

/** Of seven samples, the first replica lacks two in a row and the second one another. */
const LACKS: readonly (readonly number[])[] = [[2, 3], [5]];

/** The series of a storage that a server has, with its holes. */
function partOf(blocks: readonly SeriesBlock[], shard: number, replica: number): Storage {
  const own = blocks.filter(({ labels }) => shardOf(labels) === shard);
  return memoryStorage(own.map((block) => withHoles(block, LACKS[replica] ?? [])));
}

function shardOf(labels: SeriesBlock['labels']): number {
  const sum = [...labelKey(labels)].reduce((all, one) => (all * 31 + one.charCodeAt(0)) | 0, 7);
  return scattered(sum, 1) % SHARDS;
}

function withHoles(block: SeriesBlock, lacks: readonly number[]): SeriesBlock {
  const kept = [...block.timesMs.keys()].filter((at) => !lacks.includes(at % 7));
  const values = new Float64Array(kept.length);
  // Bytes are copied, since a stale marker is one pattern of NaN.
  for (const [to, at] of kept.entries()) values.set(block.values.subarray(at, at + 1), to);
  return {
    ...{ labels: block.labels, values },
    timesMs: Float64Array.from(kept, (at) => block.timesMs[at] ?? 0),
    ...(block.histograms && { histograms: kept.map((at) => block.histograms?.[at]) }),
    ...(block.startTimesMs && {
      startTimesMs: Float64Array.from(kept, (at) => block.startTimesMs?.[at] ?? 0),
    }),
  };
}

describe('the corpus of Prometheus through a federation', () => {
  if (folder === undefined) {
    it('is evaluated where PROMGATE_PROMQL_CORPUS names its folder', function () {
      this.skip();
    });
    return;
  }
  const data = path.join(folder, 'testdata');
  if (!existsSync(data)) throw new Error(`PROMGATE_PROMQL_CORPUS: there is no ${data}`);
  let servers: QueryServer[][] = [];
  let federation: TestFederation;
  let loaded: Storage | undefined;
  let evaluations = 0;

  before(async () => {
    servers = await Promise.all(
      Array.from({ length: SHARDS }, () =>
        Promise.all(
          Array.from({ length: REPLICAS }, () => startQueryServer({ series: [], chunks: 'new' })),
        ),
      ),
    );
    federation = openTestFederation(
      servers.map((shard) => ({ urls: shard.map(({ url }) => url), partition: 'none' })),
    );
  });

  after(async () => {
    await federation.close();
    for (const server of servers.flat()) await server[Symbol.asyncDispose]();
  });

  /** Gives the servers what a storage holds. */
  const load = async (storage: Storage): Promise<void> => {
    if (storage === loaded) return;
    loaded = storage;
    const blocks = await storage.select([], ALL_TIME, NO_HINTS);
    for (const [shard, replicas] of servers.entries()) {
      for (const [replica, server] of replicas.entries()) {
        server.storage = partOf(blocks, shard, replica);
      }
    }
  };

  for (const name of readdirSync(data).toSorted()) {
    describe(name, () => {
      let storage = new CorpusStorage();
      for (const command of readCorpusFile(readFileSync(path.join(data, name), 'utf8'))) {
        if (command.kind === 'clear') storage = new CorpusStorage();
        else if (command.kind === 'load') {
          // Later loads must not be seen by earlier evaluations, which run after all files were read.
          storage = storage.with(command);
        } else {
          const own = storage;
          const nth = evaluations++;
          it(`line ${command.line}: ${command.expression}`, async () => {
            await load(own.storage());
            const federated: Storage = {
              select: (matchers, range, hints, signal) =>
                federation.open(EVERYBODY).select(matchers, range, hints, signal),
            };
            const read = (text: string) => parse(text, EVERYTHING);
            await checkEvaluation(command, federated, read, nth % DERIVED_EACH === 0);
          });
        }
      }
    });
  }
  it('is complete', () => {
    assert.equal(evaluations, EVALUATIONS);
  });
});
