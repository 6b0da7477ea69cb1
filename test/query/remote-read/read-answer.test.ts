import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compress } from 'snappyjs';
import type { Matcher, SeriesBlock } from '../../../src/promql/evaluate/storage.ts';
import { DEFAULT_TARGET, type QueryTarget } from '../../../src/query/target/http.ts';
import { ReadBudget } from '../../../src/query/target/read-budget.ts';
import { remoteRead } from '../../../src/query/target/remote-read.ts';
import { openTarget } from '../../../src/query/target/undici.ts';
import { serveQuery } from '../../serve/query/query-site.ts';
import { memoryFederation } from '../../support/memory-federation.ts';
import { uncompressed } from '../../support/snappy.ts';
import { AT_MS, comparable, numbers, STEP_MS, someSeries } from '../target/some-series.ts';

const ALL: readonly Matcher[] = [{ name: '__name__', op: '!=', value: '' }];
const WANTED = {
  matchers: ALL,
  range: { afterMs: AT_MS - 1, untilMs: AT_MS + 2_000 * STEP_MS },
  hints: { function: '', stepMs: 0, rangeMs: 0 },
};

async function roundTrip(series: readonly SeriesBlock[], form: 'chunks' | 'samples') {
  const federation = memoryFederation({ groups: [{ name: 'all', series }] });
  await using site = await serveQuery({ federation });
  await using target = openTarget({
    ...DEFAULT_TARGET,
    url: new URL(site.url),
    dialTimeoutMs: 10_000,
  });
  const asked = form === 'chunks' ? target : withoutChunks(target);
  const budget = new ReadBudget({ maxSeries: 1e4, maxSamples: 1e6, maxBytes: 1e8 });
  const found = await remoteRead(asked, WANTED, { signal: AbortSignal.timeout(20_000), budget });
  assert.deepEqual(site.mistakes, []);
  return found;
}

/** Asks as a client that does not know chunks. */
function withoutChunks(target: QueryTarget): QueryTarget {
  return {
    ...{ url: target.url, name: target.name },
    call: (path, parameters, options) => {
      const { body } = options;
      assert.ok(body);
      const message = uncompressed(body.bytes);
      const accepted = message.lastIndexOf(Buffer.of(0x12, 2, 1, 0));
      assert.ok(accepted >= 0);
      const bytes = compress(
        Buffer.concat([message.subarray(0, accepted), message.subarray(accepted + 4)]),
      );
      return target.call(path, parameters, { ...options, body: { ...body, bytes } });
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

describe('the answers to remote read', () => {
  for (const form of ['chunks', 'samples'] as const) {
    it(`hold what the storage has: ${form}`, async () => {
      const found = await roundTrip(someSeries(), form);

      assert.deepEqual(comparable(found), comparable(someSeries()));
    });
  }

  it('hold any numbers and times, also markers, as they are', async () => {
    const word = fc.integer({ min: 0, max: 0xffff_ffff });
    const number = fc.oneof(
      { weight: 4, arbitrary: fc.double() },
      fc.constantFrom(0, -0, 1, 1.5, Number.POSITIVE_INFINITY, 5e-324),
    );
    const steps = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(15_000, 15_001, 60_000) },
      fc.integer({ min: 1, max: 100_000 }),
    );
    const sample = fc.record({ step: steps, number, bits: fc.option(fc.tuple(word, word)) });
    await fc.assert(
      fc.asyncProperty(fc.array(sample, { minLength: 1, maxLength: 200 }), async (samples) => {
        let timeMs = AT_MS;
        const times = samples.map(({ step }) => (timeMs += step));
        const values = Float64Array.from(samples, (one) => one.number);
        const words = new Uint32Array(values.buffer);
        for (const [at, { bits }] of samples.entries()) {
          if (bits) words.set(bits, 2 * at);
        }
        const block = {
          labels: [['__name__', 'm']] as const,
          timesMs: Float64Array.from(times),
          values,
        };
        const isInRange = times.every((time) => time <= WANTED.range.untilMs);
        fc.pre(isInRange);

        for (const form of ['chunks', 'samples'] as const) {
          assert.deepEqual(comparable(await roundTrip([block], form)), comparable([block]), form);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('hold histograms of layouts that change, and numbers between them', async () => {
    const counts = (length: number) =>
      fc.array(fc.integer({ min: 1, max: 1e6 }), { minLength: length, maxLength: length });
    const buckets = fc
      .uniqueArray(fc.integer({ min: -20, max: 20 }), { maxLength: 6 })
      .chain((indices) =>
        counts(indices.length).map((all) => ({
          indices: indices.sort((a, b) => a - b),
          counts: all,
        })),
      );
    const native = fc.record(
      {
        ...{
          schema: fc.integer({ min: -4, max: 8 }),
          zeroThreshold: fc.constantFrom(0, 2 ** -128, 0.3),
        },
        ...{ zeroCount: fc.nat(5), count: fc.nat(1e6), sum: fc.double({ noNaN: true }) },
        ...{ positive: buckets, negative: buckets, customValues: fc.constant([] as number[]) },
        hint: fc.constant('gauge' as const),
      },
      { noNullPrototype: true },
    );
    const custom = native.map((one) => ({
      ...one,
      ...{ schema: -53, zeroThreshold: 0, zeroCount: 0, customValues: [0.1, 2.5, 1e7 + 0.5] },
      positive: { indices: [0, 3], counts: [2, one.count + 1] },
      negative: { indices: [], counts: [] },
    }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.option(fc.oneof(native, custom), { freq: 4, nil: undefined }), {
          minLength: 1,
          maxLength: 40,
        }),
        async (histograms) => {
          const block = {
            labels: [['__name__', 'h']] as const,
            timesMs: Float64Array.from(histograms, (_, at) => AT_MS + at * STEP_MS),
            values: new Float64Array(histograms.length),
            histograms,
          };
          for (const form of ['chunks', 'samples'] as const) {
            assert.deepEqual(comparable(await roundTrip([block], form)), comparable([block]), form);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it('take several frames for a series, and several parts for a message', async () => {
    const values = Array.from({ length: 1_900 }, (_, at) => Math.sin(at) * 1e9);
    const all = Array.from({ length: 60 }, (_, at) =>
      numbers(
        [
          ['__name__', 'm'],
          ['i', `${at}`],
        ],
        values,
      ),
    );

    for (const form of ['chunks', 'samples'] as const) {
      assert.deepEqual(comparable(await roundTrip(all, form)), comparable(all), form);
    }
  });

  it('add external labels where they are missing, and take matchers of them as fulfilled', async () => {
    const federation = memoryFederation({
      groups: [
        {
          name: 'all',
          series: [
            numbers([['__name__', 'm']], [1]),
            numbers(
              [
                ['__name__', 'm'],
                ['dc', 'b'],
              ],
              [2],
            ),
          ],
        },
      ],
    });
    const more = { externalLabels: () => ({ dc: 'a' }) };
    await using site = await serveQuery({ federation, more });
    await using target = openTarget({
      ...DEFAULT_TARGET,
      url: new URL(site.url),
      dialTimeoutMs: 10_000,
    });
    const budget = new ReadBudget({ maxSeries: 1e4, maxSamples: 1e6, maxBytes: 1e8 });
    const wanted = { ...WANTED, matchers: [...ALL, { name: 'dc', op: '=', value: 'a' }] as const };

    const found = await remoteRead(target, wanted, { signal: AbortSignal.timeout(20_000), budget });

    const labels = found.map((block) => Object.fromEntries(block.labels)['dc']);
    assert.deepEqual(labels.sort(), ['a', 'b']);
  });
});
