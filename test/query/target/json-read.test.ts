import assert from 'node:assert/strict';
import fc from 'fast-check';
import { memoryStorage } from '../../../src/promql/evaluate/memory-storage.ts';
import type { Matcher, SeriesBlock } from '../../../src/promql/evaluate/storage.ts';
import { parseMetricSelector } from '../../../src/promql/parse.ts';
import { TargetError } from '../../../src/query/target/failure.ts';
import { DEFAULT_TARGET } from '../../../src/query/target/http.ts';
import { JsonMatrix } from '../../../src/query/target/json-matrix.ts';
import { jsonRead } from '../../../src/query/target/json-read.ts';
import { JsonSampleError } from '../../../src/query/target/json-samples.ts';
import { ReadAccount, ReadBudget } from '../../../src/query/target/read-budget.ts';
import { selectorText } from '../../../src/query/target/selector-text.ts';
import { SeriesBuilder } from '../../../src/query/target/series-builder.ts';
import { openTarget } from '../../../src/query/target/undici.ts';
import { startQueryServer } from '../../support/query-server.ts';
import { AT_MS, comparable, STEP_MS, someSeries } from './some-series.ts';

const ALL: readonly Matcher[] = [{ name: '__name__', op: '!=', value: '' }];
const RANGE = { afterMs: AT_MS - 1, untilMs: AT_MS + 2_000 * STEP_MS };
const HINTS = { function: '', stepMs: 0, rangeMs: 0 };
const BOUNDS = { maxSeries: 1_000, maxSamples: 100_000, maxBytes: 10_000_000 };

/** What the API shows: no markers, no hints. */
function shown(blocks: readonly SeriesBlock[]): SeriesBlock[] {
  return blocks.map((block) => {
    const length = block.labels[0]?.[1] === 'ended' ? 4 : block.timesMs.length;
    const histograms = block.histograms?.map((one) => one && { ...one, hint: 'unknown' as const });
    return {
      labels: block.labels,
      timesMs: block.timesMs.subarray(0, length),
      values: block.values.subarray(0, length),
      ...(histograms && { histograms }),
    };
  });
}

/** Reads an answer that comes in pieces of some length. */
function readPieces(text: string, length: number): readonly SeriesBlock[] {
  const account = new ReadAccount(new ReadBudget(BOUNDS), 'server');
  const builder = new SeriesBuilder(account, { afterMs: -Infinity, untilMs: Infinity });
  const matrix = new JsonMatrix(builder);
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += length) {
    Array.from(matrix.push(bytes.subarray(at, at + length)));
  }
  assert.ok(matrix.isWhole);
  const finishing = builder.finish();
  for (;;) {
    const step = finishing.next();
    if (step.done === true) return step.value;
  }
}

function answer(result: string): string {
  return `{"status":"success","data":{"resultType":"matrix","result":${result}}}`;
}

describe('jsonRead', () => {
  it('reads what the server has, as far as the API shows it', async () => {
    await using server = await startQueryServer({ series: someSeries(), remoteRead: false });
    await using target = openTarget({ ...DEFAULT_TARGET, url: new URL(server.url) });
    const options = { signal: new AbortController().signal, budget: new ReadBudget(BOUNDS) };

    const { series } = await jsonRead(target, { matchers: ALL, range: RANGE }, options);

    const found = series.map((block) => ({
      ...block,
      ...(block.histograms && {
        // The zero bucket is not shown where it is empty.
        histograms: block.histograms.map((one) => one && { ...one, zeroThreshold: 2 ** -128 }),
      }),
    }));
    assert.deepEqual(comparable(found), comparable(shown(someSeries())));
    assert.equal(server.requests[0]?.method, 'POST');
  });

  it('gives no sample outside of the range', async () => {
    await using server = await startQueryServer({ series: someSeries() });
    await using target = openTarget({ ...DEFAULT_TARGET, url: new URL(server.url) });
    const range = { afterMs: AT_MS + 3 * STEP_MS, untilMs: AT_MS + 100 * STEP_MS + 7 };
    const matchers = [{ name: '__name__', op: '=', value: 'long' }] as const;
    const options = { signal: new AbortController().signal, budget: new ReadBudget(BOUNDS) };

    const { series } = await jsonRead(target, { matchers, range }, options);

    const kept = await memoryStorage(someSeries()).select(matchers, range, HINTS);
    assert.deepEqual(comparable(series), comparable(kept));
  });

  for (const [what, faults, failure] of [
    ['was cut', { breakAfterBytes: 1_000 }, 'truncated'],
    ['has no end', { change: (body: Buffer) => body.subarray(0, -2) }, 'truncated'],
    ['is no JSON', { change: () => Buffer.from('<html>') }, 'not-prometheus'],
    ['goes on behind its end', { change: (b: Buffer) => Buffer.concat([b, b]) }, 'not-prometheus'],
  ] as const) {
    it(`refuses an answer that ${what}`, async () => {
      await using server = await startQueryServer({ series: someSeries(), faults });
      await using target = openTarget({ ...DEFAULT_TARGET, url: new URL(server.url) });
      const options = { signal: new AbortController().signal, budget: new ReadBudget(BOUNDS) };

      await assert.rejects(
        jsonRead(target, { matchers: ALL, range: RANGE }, options),
        (error: TargetError) => error instanceof TargetError && error.failure === failure,
      );
      assert.equal(options.budget.samples, 0);
    });
  }

  it('tells the words of a server that refuses the query', async () => {
    await using server = await startQueryServer({ series: someSeries() });
    await using target = openTarget({ ...DEFAULT_TARGET, url: new URL(server.url) });
    const matchers = [{ name: 'a', op: '=~', value: '(' }] as const;
    const options = { signal: new AbortController().signal, budget: new ReadBudget(BOUNDS) };

    await assert.rejects(
      jsonRead(target, { matchers, range: RANGE }, options),
      (error: TargetError) => error.failure === 'bad-data' && error.what.includes('parse error'),
    );
  });
});

describe('JsonMatrix', () => {
  it('reads numbers of all forms, in pieces of any length', () => {
    const value = fc.oneof(fc.double(), fc.integer(), fc.float(), fc.constantFrom(-0, 1e21, 1e-7));
    const timeMs = fc.oneof(fc.integer({ min: -1e9, max: 4e12 }), fc.constant(0));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(timeMs, value)),
        fc.integer({ min: 1, max: 80 }),
        (all, length) => {
          const samples = [...new Map(all)].sort(([a], [b]) => a - b);
          const printed = samples.map(([at, one]) => {
            const text = String(one).replace(/^(-?)Infinity$/, (_, sign) => `${sign || '+'}Inf`);
            return `[${at / 1000},"${text === '0' && Object.is(one, -0) ? '-0' : text}"]`;
          });
          const result = `[{"metric":{"a":"\\"]\\u00e4"},"values":[${printed.join()}]}]`;

          const [block] = readPieces(answer(result), length);

          assert.deepEqual(
            block ? [...block.timesMs].map((at, index) => [at, block.values[index]]) : [],
            samples.map(([at, one]) => [at, one]),
          );
          if (block) assert.deepEqual(block.labels, [['a', '"]ä']]);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('takes keys in any order, spaces, and what it does not know', () => {
    const text = `{ "stats" : {"a":[1,"}"]}, "data" : { "result" : [ { "x" : null,
      "metric" : { "b" : "1", "a" : "2" } , "values" : [ [ 1 , "2" ] , [2.5,"3"] ] } ],
      "resultType" : "matrix" } , "warnings":["w"], "status" : "success" }\n`;
    for (const length of [1, 2, 7, 1_000]) {
      const [block] = readPieces(text, length);
      assert.deepEqual(block?.labels, [
        ['a', '2'],
        ['b', '1'],
      ]);
      assert.deepEqual([...block.timesMs], [1_000, 2_500]);
      assert.deepEqual([...block.values], [2, 3]);
    }
  });

  it('takes any bytes for an answer or refuses them', () => {
    const whole = Buffer.from(
      answer(`[{"metric":{"a":"b"},"values":[[1,"2"],[2,"NaN"]],"histograms":[[3,{"count":"2",
        "sum":"1","buckets":[[0,"1","2","2"]]}]]}]`),
    );
    fc.assert(
      fc.property(fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 4 }), (place, bytes) => {
        const changed = Buffer.from(whole);
        changed.set(bytes, place % (whole.length - bytes.length));
        try {
          readPieces(changed.toString('latin1'), 50);
        } catch (error) {
          const isKnown =
            error instanceof JsonSampleError || error instanceof assert.AssertionError;
          assert.ok(isKnown, String(error));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  for (const [what, text] of [
    ['key', `{"${'x'.repeat(2_000)}":1}`],
    ['space', `{"a"${' '.repeat(2_000)}:1}`],
    ['sample', answer(`[{"metric":{},"values":[[1,"${'1'.repeat(2_000)}"`)],
  ] as const) {
    it(`refuses a ${what} that is longer than any`, () => {
      assert.throws(() => readPieces(text, 100), JsonSampleError);
    });
  }

  it('does not wait for a value without an end', () => {
    assert.throws(() => readPieces(`{"status":"${'x'.repeat(3_000_000)}`, 65_536), JsonSampleError);
  });

  it('finds custom bounds of histograms', () => {
    const buckets = '[[0,"-Inf","0.1","2"],[0,"0.1","0.7","3"],[0,"5","+Inf","1"]]';
    const [block] = readPieces(
      answer(`[{"metric":{},"histograms":[[1,{"count":"6","sum":"8","buckets":${buckets}}]]}]`),
      1_000,
    );

    const histogram = block?.histograms?.[0];
    assert.equal(histogram?.schema, -53);
    assert.deepEqual(histogram.customValues, [0.1, 0.7, 5]);
    assert.deepEqual(histogram.positive, { indices: [0, 1, 3], counts: [2, 3, 1] });
  });
});

describe('selectorText', () => {
  it('gives the same matchers when it is parsed', () => {
    const matcher: fc.Arbitrary<Matcher> = fc
      .record({
        name: fc.oneof(fc.constantFrom('__name__', 'job', 'a.b'), fc.string({ minLength: 1 })),
        op: fc.constantFrom('=', '!='),
        value: fc.string({ unit: 'grapheme' }),
      })
      .map((one) => ({ ...one }));
    fc.assert(
      fc.property(fc.array(matcher), (matchers) => {
        const parsed = parseMetricSelector(selectorText([...matchers, ...ALL]));
        assert.deepEqual(
          parsed.map(({ name, op, value }) => ({ name, op, value })),
          [...matchers, ...ALL],
        );
      }),
    );
  });

  it('never selects the series without labels', () => {
    assert.equal(selectorText([]), '{__name__!=""}');
    assert.equal(selectorText([{ name: 'a', op: '=~', value: '.*' }]), '{a=~".*",__name__!=""}');
  });
});
