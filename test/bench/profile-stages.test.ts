/** The profile by stage gives each function's time to the stage that caused it. */
import assert from 'node:assert/strict';
import { type CpuProfile, stageTimes } from '../../bench/profile-stages.ts';

const ROOT = 'file:///home/promgate/';
const ALWAYS = { from: 0, until: Number.MAX_SAFE_INTEGER };

/** A call tree written as lines of `depth name url`, each function called 1 ms; see `profileOf`. */
type Call = readonly [depth: number, name: string, url: string];

/** Each call takes a millisecond of its own; one that begins deeper is called by the one above. */
function profileOf(calls: readonly Call[]): CpuProfile {
  const nodes = calls.map(([depth, functionName, url], at) => ({
    id: at + 1,
    callFrame: { functionName, url, lineNumber: 9 },
    children: calls.flatMap(([below], other) =>
      below === depth + 1 && parentOf(calls, other) === at ? [other + 1] : [],
    ),
  }));
  const samples = [...nodes.map(({ id }) => id), 1];
  return { startTime: 1_000, nodes, samples, timeDeltas: samples.map(() => 1_000) };
}

function parentOf(calls: readonly Call[], at: number): number {
  const [depth] = calls[at]!;
  return calls.slice(0, at).findLastIndex(([above]) => above === depth - 1);
}

const root: Call = [0, '(root)', ''];

describe('the profile by stage', () => {
  it('gives a function to the stage of its file', () => {
    const { stages, microseconds } = stageTimes(
      profileOf([
        root,
        [1, 'fill', `${ROOT}src/merge/splice.ts`],
        [1, 'scan', `${ROOT}src/exposition/series.ts`],
        [1, 'index', `${ROOT}src/merge/indexer.ts`],
        [1, 'convert', `${ROOT}src/merge/text.ts`],
        [1, 'sift', `${ROOT}src/merge/duplicates.ts`],
        [1, 'planSplice', `${ROOT}src/merge/plan.ts`],
        [1, 'writeChunks', `${ROOT}src/serve/splice-stream.ts`],
        [1, 'respond', `${ROOT}node_modules/koa/lib/application.js`],
        [1, 'dispatch', `${ROOT}node_modules/undici/lib/client.js`],
      ]),
      ALWAYS,
      ROOT,
    );

    assert.deepEqual(Object.fromEntries(stages), {
      copying: 1_000,
      'scanning and indexing': 2_000,
      rewriting: 1_000,
      duplicates: 1_000,
      'planning the merge': 1_000,
      writing: 1_000,
      requests: 1_000,
      fetching: 1_000,
    });
    assert.equal(microseconds, 9_000);
  });

  it('gives native functions, those of Node and what rewriting scans to the stage that called', () => {
    const { stages, files, functions } = stageTimes(
      profileOf([
        root,
        [1, 'read', `${ROOT}src/fetch/body.ts`],
        [2, 'write', 'node:net'],
        [3, 'writev', ''],
        [1, 'add', `${ROOT}src/merge/layout-walk.ts`],
        [2, 'wasm-function[3]', 'wasm://wasm/abc'],
        [1, 'rewritePage', `${ROOT}src/merge/rewrite.ts`],
        [2, 'scan', `${ROOT}src/exposition/series.ts`],
      ]),
      ALWAYS,
      ROOT,
    );

    assert.deepEqual(Object.fromEntries(stages), {
      fetching: 3_000,
      'scanning and indexing': 2_000,
      rewriting: 2_000,
    });
    assert.deepEqual(Object.fromEntries(files), {
      'src/fetch/body.ts': 3_000,
      'src/merge/layout-walk.ts': 2_000,
      'src/merge/rewrite.ts': 1_000,
      'src/exposition/series.ts': 1_000,
    });
    assert.deepEqual(
      functions.map(({ name, place }) => [name, place]),
      [
        ['read', 'src/fetch/body.ts:10'],
        ['write', 'node:net:10'],
        ['writev', ''],
        ['add', 'src/merge/layout-walk.ts:10'],
        ['wasm-function[3]', 'WebAssembly'],
        ['rewritePage', 'src/merge/rewrite.ts:10'],
        ['scan', 'src/exposition/series.ts:10'],
      ],
    );
  });

  it('tells writes to readers from requests, and collecting garbage from what it interrupted', () => {
    const { stages } = stageTimes(
      profileOf([
        root,
        [1, 'respond', `${ROOT}node_modules/koa/lib/application.js`],
        [2, 'writeUtf8String', ''],
        [2, '(garbage collector)', ''],
        [1, '(program)', ''],
        [1, 'parserOnHeadersComplete', 'node:_http_common'],
        [1, 'runMicrotasks', ''],
      ]),
      ALWAYS,
      ROOT,
    );

    assert.deepEqual(Object.fromEntries(stages), {
      requests: 2_000,
      writing: 1_000,
      'garbage collection': 1_000,
      'reading sockets, event loop': 1_000,
      'other JavaScript': 1_000,
    });
  });

  it('leaves out waiting, and samples outside of the period', () => {
    const calls: Call[] = [root, [1, '(idle)', ''], [1, 'fill', `${ROOT}src/merge/splice.ts`]];
    const { microseconds } = stageTimes(profileOf(calls), ALWAYS, ROOT);
    const before = stageTimes(profileOf(calls), { from: 0, until: 3_999 }, ROOT);
    const within = stageTimes(profileOf(calls), { from: 4_000, until: 4_000 }, ROOT);

    assert.equal(microseconds, 1_000);
    assert.equal(before.microseconds, 0);
    assert.equal(within.microseconds, 1_000);
  });
});
