import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { memoryStorage } from '../../../src/promql/evaluate/memory-storage.ts';
import type { Matcher, SeriesBlock } from '../../../src/promql/evaluate/storage.ts';
import { TargetError, type TargetFailure } from '../../../src/query/target/failure.ts';
import { DEFAULT_TARGET, type QueryTarget } from '../../../src/query/target/http.ts';
import { ReadBudget } from '../../../src/query/target/read-budget.ts';
import { remoteRead } from '../../../src/query/target/remote-read.ts';
import { openTarget } from '../../../src/query/target/undici.ts';
import { eventually } from '../../support/eventually.ts';
import { chunkedMessage, uvarintOf } from '../../support/query-server/protobuf.ts';
import { frame } from '../../support/query-server/read-answer.ts';
import { chunksOf } from '../../support/query-server/series-chunks.ts';
import { startQueryServer } from '../../support/query-server.ts';
import { AT_MS, comparable, numbers, STEP_MS, someSeries } from './some-series.ts';

const ALL: readonly Matcher[] = [{ name: '__name__', op: '!=', value: '' }];
const RANGE = { afterMs: AT_MS - 1, untilMs: AT_MS + 2_000 * STEP_MS };
const HINTS = { function: 'rate', stepMs: 15_000, rangeMs: 300_000 };
const WANTED = { matchers: ALL, range: RANGE, hints: HINTS };

function budget(bounds = {}): ReadBudget {
  return new ReadBudget({ maxSeries: 1_000, maxSamples: 100_000, maxBytes: 10_000_000, ...bounds });
}

function target(url: string): QueryTarget {
  return openTarget({ ...DEFAULT_TARGET, url: new URL(url), dialTimeoutMs: 10_000 });
}

const patient = (): AbortSignal => new AbortController().signal;

async function read(from: QueryTarget, wanted = WANTED): Promise<readonly SeriesBlock[]> {
  return remoteRead(from, wanted, { signal: patient(), budget: budget() });
}

async function failureOf(reading: Promise<unknown>): Promise<TargetFailure> {
  const error = await reading.then(
    () => assert.fail('it read'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof TargetError, String(error));
  return error.failure;
}

function nestedOf(field: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.of(8 * field + 2), uvarintOf(bytes.length), bytes]);
}

describe('remoteRead', () => {
  for (const [what, chunks] of [
    ['chunks', 'old'],
    ['chunks with start times', 'new'],
    ['samples', false],
  ] as const) {
    it(`reads what the server has: ${what}`, async () => {
      await using server = await startQueryServer({ series: someSeries(), chunks });
      await using from = target(server.url);

      const found = await read(from);

      assert.deepEqual(comparable(found), comparable(someSeries()));
      assert.equal(server.requests[0]?.headers['accept-encoding'], 'identity');
    });

    it(`gives no sample outside of the range: ${what}`, async () => {
      const storage = memoryStorage(someSeries());
      // A server that does not look at the range.
      const selectAll: typeof storage.select = (matchers) =>
        storage.select(matchers, { afterMs: 0, untilMs: Infinity }, HINTS);
      await using server = await startQueryServer({ storage: { select: selectAll }, chunks });
      await using from = target(server.url);
      const range = { afterMs: AT_MS + 100 * STEP_MS, untilMs: AT_MS + 290 * STEP_MS };

      const found = await read(from, { ...WANTED, range });

      assert.deepEqual(comparable(found), comparable(await storage.select(ALL, range, HINTS)));
    });
  }

  it('keeps the start times of counters', async () => {
    const series = {
      ...numbers([['__name__', 'c']], [1, 2, 3, 4]),
      startTimesMs: Float64Array.of(AT_MS - 5, AT_MS - 5, AT_MS + 20_000, AT_MS + 20_000),
    };
    await using server = await startQueryServer({ series: [series], chunks: 'new' });
    await using from = target(server.url);

    assert.deepEqual(comparable(await read(from)), comparable([series]));
  });

  it('sends matchers of all kinds, and the hints', async () => {
    await using server = await startQueryServer({ series: someSeries() });
    await using from = target(server.url);
    const matchers: Matcher[] = [
      { name: '__name__', op: '=~', value: 'l.*' },
      { name: 'job', op: '=', value: 'a' },
      { name: 'path', op: '!=', value: '' },
      { name: 'path', op: '!~', value: '/b.*' },
    ];

    const found = await read(from, { ...WANTED, matchers });

    assert.deepEqual(
      found.map(({ labels }) => labels[0]?.[1]),
      ['long'],
    );
  });

  it('joins a series whose frames other series separate', async () => {
    const [long, ended, latency] = someSeries() as [SeriesBlock, SeriesBlock, SeriesBlock];
    const part = (from: number, to: number): SeriesBlock => ({
      labels: long.labels.toReversed(),
      timesMs: long.timesMs.subarray(from, to),
      values: long.values.subarray(from, to),
    });
    const select = async (): Promise<SeriesBlock[]> => [
      ...[part(700, 1_500), ended, part(0, 400), latency, part(300, 800)],
    ];
    for (const chunks of ['old', false] as const) {
      await using server = await startQueryServer({ storage: { select }, chunks });
      await using from = target(server.url);

      assert.deepEqual(comparable(await read(from)), comparable([long, ended, latency]));
    }
  });

  it('gives no part of an answer that was cut', async () => {
    for (const chunks of ['old', false] as const) {
      await using server = await startQueryServer({ series: someSeries(), chunks });
      await using from = target(server.url);
      for (const bytes of [0, 1, 5, 100, 1_000, 4_000]) {
        server.faults = { breakAfterBytes: bytes };
        assert.equal(await failureOf(read(from)), 'truncated', `after ${bytes} bytes`);
      }
    }
  });

  it('gives no part of an answer that ends in a frame', async () => {
    await using server = await startQueryServer({ series: someSeries() });
    server.faults = { change: (body) => body.subarray(0, -1) };
    await using from = target(server.url);

    assert.equal(await failureOf(read(from)), 'truncated');
  });

  it('refuses a wrong checksum', async () => {
    await using server = await startQueryServer({
      ...{ series: someSeries(), faults: { wrongChecksum: true } },
    });
    await using from = target(server.url);

    assert.equal(await failureOf(read(from)), 'corrupt');
  });

  it('refuses an answer in which any bit differs', async () => {
    await using server = await startQueryServer({ series: someSeries() });
    await using from = target(server.url);
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(7), async (place, bit) => {
        server.faults = {
          change: (body) => {
            const changed = Buffer.from(body);
            changed[place % body.length]! ^= 1 << bit;
            return changed;
          },
        };
        assert.match(await failureOf(read(from)), /^(?:corrupt|truncated)$/);
      }),
      { numRuns: 60 },
    );
  });

  it('takes any bytes for samples or refuses them', async () => {
    await using server = await startQueryServer({ series: someSeries(), chunks: false });
    await using from = target(server.url);
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(255), async (place, byte) => {
        server.faults = {
          change: (body) => {
            const changed = Buffer.from(body);
            changed[place % body.length] = byte;
            return changed;
          },
        };
        await read(from).catch((error: unknown) => {
          assert.ok(error instanceof TargetError, String(error));
          assert.match(error.failure, /^(?:corrupt|too-big)$/);
        });
      }),
      { numRuns: 60 },
    );
  });

  for (const [bounds, said] of [
    [{ maxSeries: 2 }, 'the query reads more than 2 series'],
    [{ maxSamples: 1_000 }, 'the query reads more than 1,000 samples'],
    [{ maxBytes: 500 }, 'the query reads more than 500 bytes'],
  ] as const) {
    it(`stops at a bound: ${said}`, async () => {
      for (const chunks of ['old', false] as const) {
        await using server = await startQueryServer({ series: someSeries(), chunks });
        await using from = target(server.url);
        const bounded = budget(bounds);

        const reading = remoteRead(from, WANTED, { signal: patient(), budget: bounded });

        await assert.rejects(reading, (error: TargetError) => {
          assert.equal(error.failure, 'too-big');
          assert.equal(error.what, said);
          return true;
        });
        assert.deepEqual([bounded.series, bounded.samples, bounded.bytes], [0, 0, 0]);
      }
    });
  }

  it('counts what was read', async () => {
    await using server = await startQueryServer({ series: someSeries() });
    await using from = target(server.url);
    const counted = budget();

    await remoteRead(from, WANTED, { signal: patient(), budget: counted });

    // Each histogram has three or four buckets, each of which counts as a sample.
    assert.equal(counted.series, 3);
    assert.ok(counted.samples > 1_500 + 5 + 300 && counted.samples <= 1_500 + 5 + 300 * 5);
    assert.ok(counted.bytes > 1_000);
  });

  for (const freeze of ['head', 'body'] as const) {
    it(`ends with its signal when the server hangs before the ${freeze}`, async () => {
      await using server = await startQueryServer({ series: someSeries(), faults: { freeze } });
      await using from = target(server.url);
      for (const [reason, failure] of [
        [new DOMException('too late', 'TimeoutError'), 'timeout'],
        [new Error('gone'), 'aborted'],
      ] as const) {
        const stop = new AbortController();
        const reading = remoteRead(from, WANTED, { signal: stop.signal, budget: budget() });
        const failed = failureOf(reading);
        await server.received('read', server.requests.length + 1);
        stop.abort(reason);

        assert.equal(await failed, failure);
      }
    });
  }

  it('ends with its signal when the server stops within an answer', async () => {
    await using server = await startQueryServer({
      ...{ series: someSeries(), faults: { stallAfterBytes: 1_000 } },
    });
    await using from = target(server.url);
    const stop = new AbortController();
    const counted = budget();
    const failed = failureOf(remoteRead(from, WANTED, { signal: stop.signal, budget: counted }));
    await eventually('bytes', () => (counted.bytes >= 1_000 ? true : undefined));

    stop.abort(new DOMException('too late', 'TimeoutError'));

    assert.equal(await failed, 'timeout');
    assert.equal(counted.bytes, 0);
  });

  it('refuses a stream of series without end', async () => {
    let sent = 0;
    function* frames(): Generator<Buffer> {
      for (; ; sent++) {
        const block = numbers([['__name__', `s${sent}`]], [1]);
        yield frame(chunkedMessage(block, chunksOf(block, 'old'), 0));
      }
    }
    const endless = createServer((_, response) => {
      response.writeHead(200, { 'Content-Type': 'application/x-streamed-protobuf' });
      const stream = Readable.from(frames());
      response.once('close', () => stream.destroy());
      stream.pipe(response);
    });
    endless.listen(0, '127.0.0.1');
    await once(endless, 'listening');
    await using from = target(`http://127.0.0.1:${(endless.address() as AddressInfo).port}`);

    assert.equal(await failureOf(read(from)), 'too-big');

    assert.ok(sent < 100_000, `${sent} series were sent`); // the bound is 1,000
    endless.closeAllConnections();
    endless.close();
  });

  for (const [what, message] of [
    // A series with fields of two bytes each: tag and length.
    ['chunks', Buffer.alloc(2 * 70_000, Buffer.of(0x12, 0))],
    ['labels', Buffer.alloc(2 * 2_000, Buffer.of(0x0a, 0))],
  ] as const) {
    it(`refuses a frame of endless ${what}`, async () => {
      const head = Buffer.concat([Buffer.of(0x0a), uvarintOf(message.length)]);
      const change = (): Buffer => frame(Buffer.concat([head, message]));
      await using server = await startQueryServer({ series: [], faults: { change } });
      await using from = target(server.url);

      assert.equal(await failureOf(read(from)), 'corrupt');
    });
  }

  for (const [what, repeated, length] of [
    // A series of 64,000 empty chunks, and a field that nobody knows.
    ['chunks', nestedOf(1, Buffer.alloc(2 * 64_000, Buffer.of(0x12, 0))), 100],
    ['fields', Buffer.of(0x28, 0), 1_200_000],
  ] as const) {
    it(`refuses a frame that has too many ${what} in total, and keeps none of them`, async () => {
      const message = Buffer.alloc(repeated.length * length, repeated);
      await using server = await startQueryServer({
        ...{ series: [], faults: { change: () => frame(message) } },
      });
      await using from = target(server.url);
      const counted = budget({ maxBytes: 20_000_000 });

      const options = { signal: patient(), budget: counted };

      assert.equal(await failureOf(remoteRead(from, WANTED, options)), 'corrupt');
    });
  }

  it('leaves out series without chunks', async () => {
    const block = numbers([['__name__', 'a']], [1, 2]);
    const other = numbers([['__name__', 'b']], [3]);
    const empty = (one: SeriesBlock): Buffer => frame(chunkedMessage(one, [], 0));
    const whole = (one: SeriesBlock): Buffer => frame(chunkedMessage(one, chunksOf(one, 'old'), 0));
    const frames = [whole(block), empty(other), empty(block), whole(other), empty(block)];
    await using server = await startQueryServer({
      ...{ series: [], faults: { change: () => Buffer.concat(frames) } },
    });
    await using from = target(server.url);
    const counted = budget();

    const found = await remoteRead(from, WANTED, { signal: patient(), budget: counted });

    assert.deepEqual(comparable(found), comparable([block, other]));
    assert.deepEqual([counted.series, counted.samples], [2, 3]); // no series was gone back to
  });

  for (const [what, message] of [
    ['a chunk', nestedOf(1, nestedOf(2, Buffer.alloc(2 * 65, Buffer.of(0x28, 0))))],
    ['a label', nestedOf(1, nestedOf(1, Buffer.alloc(2 * 17, Buffer.of(0x28, 0))))],
    ['a label that is long', nestedOf(1, nestedOf(1, nestedOf(2, Buffer.alloc(2 ** 20, 'x'))))],
    ['labels behind chunks', nestedOf(1, Buffer.of(0x12, 0, 0x0a, 0))],
  ] as const) {
    it(`refuses a frame with ${what}, and more than belongs there`, async () => {
      await using server = await startQueryServer({
        ...{ series: [], faults: { change: () => frame(message) } },
      });
      await using from = target(server.url);

      assert.equal(await failureOf(read(from)), 'corrupt');
    });
  }

  it('refuses a frame that says that it is larger than any', async () => {
    const change = (): Buffer => uvarintOf(2 ** 30);
    await using server = await startQueryServer({ series: [], faults: { change } });
    await using from = target(server.url);

    assert.equal(await failureOf(read(from)), 'corrupt');
  });

  for (const [status, failure] of [
    [400, 'bad-data'],
    [401, 'auth'],
    [404, 'not-found'],
    [500, 'status'],
    [503, 'unavailable'],
  ] as const) {
    it(`calls the status ${status} ${failure}`, async () => {
      await using server = await startQueryServer({ series: [], faults: { status } });
      await using from = target(server.url);

      await assert.rejects(read(from), (error: TargetError) => {
        assert.equal(error.failure, failure);
        assert.equal(error.what, `status ${status}: told to fail`);
        return true;
      });
    });
  }

  it('refuses the answer of something else', async () => {
    await using server = await startQueryServer({ series: [] });
    await using from = target(server.url);
    const options = { signal: patient(), budget: budget(), path: 'api/v1/labels' };

    assert.equal(await failureOf(remoteRead(from, WANTED, options)), 'not-prometheus');
  });
});
