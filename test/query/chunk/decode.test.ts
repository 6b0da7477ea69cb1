import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compactBuckets, type Histogram } from '../../../src/promql/evaluate/histogram.ts';
import { isStale, wordsOf } from '../../../src/promql/evaluate/stale.ts';
import { ChunkError } from '../../../src/query/chunk/chunk-error.ts';
import { decodeChunk } from '../../../src/query/chunk/decode.ts';
import {
  SampleBoundError,
  SampleColumns,
  type Samples,
} from '../../../src/query/chunk/sample-columns.ts';
import {
  encodeXor,
  encodeXor2,
  type FloatSample,
} from '../../support/query-server/encode-floats.ts';
import { encodeHistograms } from '../../support/query-server/encode-histograms.ts';
import { floatSamples, histograms } from './arbitrary-samples.ts';

const AT_MS = 1_700_000_000_000;

function decodeInto(columns: SampleColumns, type: number, chunk: Uint8Array): void {
  // Among other bytes, as in a message.
  const message = Buffer.concat([Buffer.alloc(3, 0xff), chunk, Buffer.alloc(70, 0xff)]);
  decodeChunk(message, { type, from: 3, to: 3 + chunk.length }, columns);
}

function decode(type: number, ...chunks: readonly Buffer[]): Samples {
  const columns = new SampleColumns();
  for (const chunk of chunks) decodeInto(columns, type, chunk);
  return columns.take();
}

function floatsOf({ timesMs, values, startTimesMs }: Samples): FloatSample[] {
  const words = wordsOf(values);
  return Array.from(timesMs, (timeMs, at) => ({
    ...{ timeMs, high: words[2 * at + 1]!, low: words[2 * at]! },
    startMs: startTimesMs?.[at] ?? 0,
  }));
}

/** As the decoder gives them: without empty buckets, with what the place in the chunk tells. */
function expected(all: readonly Histogram[], isGauge: boolean): Histogram[] {
  return all.map((histogram, at) => ({
    ...histogram,
    positive: compactBuckets(histogram.positive),
    negative: compactBuckets(histogram.negative),
    hint: isGauge ? 'gauge' : at === 0 ? 'unknown' : 'not_reset',
  }));
}

describe('decodeChunk', () => {
  it('decodes what was encoded: numbers', () => {
    fc.assert(
      fc.property(floatSamples(false), (samples) => {
        assert.deepEqual(floatsOf(decode(1, encodeXor(samples))), samples);
      }),
      { numRuns: 300 },
    );
  });

  it('decodes what was encoded: numbers with start times', () => {
    fc.assert(
      fc.property(floatSamples(true), (samples) => {
        assert.deepEqual(floatsOf(decode(4, encodeXor2(samples))), samples);
      }),
      { numRuns: 300 },
    );
  });

  for (const type of [2, 3, 5, 6]) {
    const counts = type % 3 === 2 ? 'integer' : 'float';
    it(`decodes what was encoded: histograms of type ${type}`, () => {
      fc.assert(
        fc.property(
          histograms(counts),
          fc.boolean(),
          fc.boolean(),
          fc.array(fc.constantFrom(0, AT_MS - 5, AT_MS + 10), { minLength: 12, maxLength: 13 }),
          (all, isGauge, endsStale, starts) => {
            const samples = [...all, ...(endsStale ? [undefined] : [])].map((histogram, at) => ({
              ...{ timeMs: AT_MS + at * 15_000 + (at % 3), histogram },
              startMs: type >= 5 ? (starts[at] ?? 0) : 0,
            }));
            const chunk = encodeHistograms(samples, {
              ...{ counts, withStartTimes: type >= 5, resetBits: isGauge ? 3 : 1 },
            });

            const decoded = decode(type, chunk);

            assert.deepEqual(
              [...decoded.timesMs],
              samples.map(({ timeMs }) => timeMs),
            );
            assert.deepEqual(decoded.histograms?.slice(0, all.length), expected(all, isGauge));
            assert.equal(decoded.histograms?.length, samples.length);
            assert.equal(isStale(wordsOf(decoded.values), all.length), endsStale);
            assert.deepEqual(
              [...(decoded.startTimesMs ?? samples.map(() => 0))],
              samples.map(({ startMs }) => startMs),
            );
          },
        ),
        { numRuns: 150 },
      );
    });
  }

  it('takes any bytes for a chunk or refuses them', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 7 }),
        fc.uint8Array({ maxLength: 200 }),
        (type, bytes) => {
          const columns = new SampleColumns();
          try {
            decodeInto(columns, type, bytes);
          } catch (error) {
            assert.ok(error instanceof ChunkError, String(error));
          }
          assert.ok(columns.length <= 8 * bytes.length);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('refuses each chunk that was cut', () => {
    const samples = Array.from({ length: 120 }, (_, at) => {
      return { timeMs: AT_MS + at * 15_000 + (at % 7), high: at * 77, low: at * 997 };
    });
    for (const [type, chunk] of [
      [1, encodeXor(samples)],
      [4, encodeXor2(samples)],
    ] as const) {
      for (let length = 0; length < chunk.length - 1; length++) {
        assert.throws(() => decode(type, chunk.subarray(0, length)), ChunkError);
      }
    }
  });

  it('refuses a chunk of a type that it does not know', () => {
    assert.throws(() => decode(7, Buffer.alloc(20)), /chunks of type 7 are not known/);
  });

  it('refuses a chunk that is longer than any', () => {
    assert.throws(() => decode(1, Buffer.alloc(2 ** 19 + 1)), /more than 524288 bytes/);
  });

  it('refuses histograms with more buckets in one chunk than any', () => {
    const indices = Array.from({ length: 1_000 }, (_, at) => at);
    const wide: Histogram = {
      ...{ schema: 3, zeroThreshold: 0, zeroCount: 0, count: 1_000, sum: 1, customValues: [] },
      positive: { indices, counts: indices.map(() => 1) },
      negative: { indices: [], counts: [] },
      hint: 'unknown',
    };
    const samples = Array.from({ length: 600 }, (_, at) => ({ timeMs: at, histogram: wide }));
    const options = { counts: 'float', withStartTimes: false, resetBits: 0 } as const;

    assert.equal(decode(3, encodeHistograms(samples.slice(0, 20), options)).timesMs.length, 20);
    assert.throws(() => decode(3, encodeHistograms(samples, options)), /more than 524288 buckets/);
  });

  it('takes no more samples than it may', () => {
    const columns = new SampleColumns();
    columns.left = 2;
    const samples = Array.from({ length: 3 }, (_, at) => ({ timeMs: at, high: 0, low: 0 }));

    assert.throws(() => decodeInto(columns, 1, encodeXor(samples)), SampleBoundError);
  });

  it('reduces histograms that are finer than the evaluation knows', () => {
    const fine: Histogram = {
      ...{ schema: 10, zeroThreshold: 0, zeroCount: 0, count: 10, sum: 1, customValues: [] },
      ...{ positive: { indices: [-7, 1, 4, 5], counts: [1, 2, 3, 4] }, hint: 'unknown' },
      negative: { indices: [8], counts: [5] },
    };
    const options = { counts: 'float', withStartTimes: false, resetBits: 0 } as const;
    const chunk = encodeHistograms([{ timeMs: AT_MS, histogram: fine }], options);

    const [histogram] = decode(3, chunk).histograms ?? [];

    assert.deepEqual(histogram, {
      ...fine,
      schema: 8,
      positive: { indices: [-1, 1, 2], counts: [1, 5, 4] },
      negative: { indices: [2], counts: [5] },
    });
  });
});

describe('SampleColumns', () => {
  it('orders samples of chunks that overlap, and keeps the first at each time', () => {
    fc.assert(
      fc.property(fc.array(floatSamples(true), { minLength: 1, maxLength: 4 }), (chunks) => {
        const decoded = floatsOf(decode(4, ...chunks.map((samples) => encodeXor2(samples))));

        const byTime = new Map<number, FloatSample>();
        for (const sample of chunks.flat()) {
          if (!byTime.has(sample.timeMs)) byTime.set(sample.timeMs, sample);
        }
        assert.deepEqual(
          decoded,
          [...byTime.values()].sort((a, b) => a.timeMs - b.timeMs),
        );
      }),
    );
  });

  it('drops samples outside of a range', () => {
    fc.assert(
      fc.property(floatSamples(true), fc.nat(200), fc.nat(200), (samples, from, to) => {
        const columns = new SampleColumns();
        decodeInto(columns, 4, encodeXor2(samples));
        const startMs = samples[from % samples.length]!.timeMs;
        const endMs = samples[to % samples.length]!.timeMs;
        columns.keepWithin(0, startMs, endMs);

        assert.deepEqual(
          floatsOf(columns.take()),
          samples.filter(({ timeMs }) => timeMs >= startMs && timeMs <= endMs),
        );
      }),
    );
  });

  it('no longer tells that a histogram continues one that does not come before it', () => {
    const one: Histogram = {
      ...{ schema: 0, zeroThreshold: 0, zeroCount: 0, count: 1, sum: 1, customValues: [] },
      ...{ positive: { indices: [1], counts: [1] }, negative: { indices: [], counts: [] } },
      hint: 'unknown',
    };
    const chunkAt = (...timesMs: number[]): Buffer =>
      encodeHistograms(
        timesMs.map((timeMs) => ({ timeMs, histogram: one })),
        { counts: 'float', withStartTimes: false, resetBits: 0 },
      );

    const { timesMs, histograms: all = [] } = decode(3, chunkAt(10, 20, 30, 40), chunkAt(25, 27));

    assert.deepEqual([...timesMs], [10, 20, 25, 27, 30, 40]);
    assert.deepEqual(
      all.map((histogram) => histogram?.hint),
      ['unknown', 'not_reset', 'unknown', 'not_reset', 'unknown', 'not_reset'],
    );
  });
});
