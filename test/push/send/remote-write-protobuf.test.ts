import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compress } from 'snappyjs';
import { everyTurn } from '../../../src/clock.ts';
import type { FamilyType } from '../../../src/exposition/grammar.ts';
import type { Batch } from '../../../src/push/send/remote-write-batch.ts';
import {
  encodeBatch,
  encodeMetadata,
  TYPE_NUMBERS,
} from '../../../src/push/send/remote-write-protobuf.ts';
import { packBatch, unpackBatch } from '../../../src/push/send/remote-write-stored.ts';
import { readFirst, readSecond } from '../../support/remote-message.ts';

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom('a', 'job', 'x'.repeat(127), 'y'.repeat(128), 'z'.repeat(20_000)),
);
const types = Object.keys(TYPE_NUMBERS) as FamilyType[];
const family = fc.record(
  { type: fc.constantFrom(...types), help: text, unit: text },
  { noNullPrototype: true },
);
const labels = fc
  .array(fc.tuple(text.filter(Boolean), text), { minLength: 1, maxLength: 6 })
  .map((pairs) => [...new Map(pairs)].flat());
const sample = fc.record({
  labels,
  family,
  value: fc.option(fc.double(), { nil: undefined }),
  createdMs: fc.oneof(fc.constant(0), fc.nat(), fc.maxSafeNat()),
});
const atMs = fc.oneof(fc.constant(0), fc.nat(), fc.maxSafeNat());
const batches: fc.Arbitrary<Batch> = fc.record({
  atMs,
  samples: fc.array(sample, { minLength: 1, maxLength: 20 }),
});

const STALE = '7ff0000000000002';

/** What a receiver should understand. */
function expected({ atMs, samples }: Batch, version: 1 | 2) {
  return samples.map(({ labels, family, value, createdMs }) => {
    const pairs = labels.flatMap((name, at) => (at % 2 === 0 ? [[name, labels[at + 1]!]] : []));
    const startMs = version === 2 && createdMs <= atMs ? createdMs : 0;
    return {
      labels: Object.fromEntries(pairs) as Record<string, string>,
      names: pairs.map(([name]) => name!),
      samples: [{ value: value ?? Number.NaN, isStale: value === undefined, atMs, startMs }],
      ...(version === 2 && {
        metadata: { type: TYPE_NUMBERS[family.type], help: family.help, unit: family.unit },
      }),
    };
  });
}

function received(body: Buffer, version: 1 | 2) {
  const { series } = version === 1 ? readFirst(body) : readSecond(body);
  return series.map(({ samples, ...rest }) => ({
    ...rest,
    samples: samples.map(({ bits, ...one }) => ({ ...one, isStale: bits === STALE })),
  }));
}

/** Lone surrogates cannot be sent: UTF-8 has no form for them. */
const isWellFormed = ({ samples }: Batch): boolean =>
  samples.every(({ labels, family }) =>
    [...labels, family.help, family.unit].every((one) => one.isWellFormed()),
  );

describe('messages of remote write', () => {
  for (const version of [1, 2] as const) {
    it(`hold in protocol ${version}.0 what is put in`, async () => {
      await fc.assert(
        fc.asyncProperty(batches.filter(isWellFormed), async (batch) => {
          const body = compress(await encodeBatch(batch, version, everyTurn(3)));
          assert.deepEqual(received(body, version), expected(batch, version));
        }),
      );
    });
  }

  it('are read back from the form in which they wait', async () => {
    await fc.assert(
      fc.asyncProperty(batches.filter(isWellFormed), async (batch) => {
        const pace = everyTurn(3);
        const read = await unpackBatch(await packBatch(batch, pace), pace);
        const samples = batch.samples.map((one) => ({
          ...one,
          createdMs: one.createdMs <= batch.atMs ? one.createdMs : 0,
        }));
        assert.deepEqual(read, { atMs: batch.atMs, samples });
      }),
    );
  });

  it('are refused when they are damaged, without harm', async () => {
    const bytes = fc.uint8Array({ maxLength: 200 }).map((some) => Buffer.from(some));
    await fc.assert(
      fc.asyncProperty(bytes, async (some) => {
        const read = await unpackBatch(some, everyTurn(3)).catch((error: unknown) => error);
        assert.ok(read instanceof Error || (read as Batch).samples.length < 200);
      }),
      { numRuns: 2000 },
    );
  });

  it('are refused when a literal has a negative length', async () => {
    const damaged = Buffer.from([10, 0xfc, 0xf0, 0xff, 0xff, 0xff, 0, 0]);
    await assert.rejects(unpackBatch(damaged, everyTurn(3)));
  });

  it('describe families in protocol 1.0', () => {
    const families = [
      { name: 'jobs_total', type: 'counter', help: 'Jobs.', unit: '' },
      { name: 'wait_seconds', type: 'histogram', help: '', unit: 'seconds' },
    ] as const;
    const { metadata, series } = readFirst(compress(encodeMetadata(families)));

    assert.deepEqual(series, []);
    assert.deepEqual(metadata, [
      { type: 1, name: 'jobs_total', help: 'Jobs.', unit: '' },
      { type: 3, name: 'wait_seconds', help: '', unit: 'seconds' },
    ]);
  });

  it('let other work run while a large one is made', async () => {
    const samples = Array.from({ length: 50_000 }, (_, at) => ({
      labels: ['__name__', 'jobs_total', 'job', `${at}`],
      family: { type: 'counter', help: '', unit: '' } as const,
      value: at,
      createdMs: 0,
    }));
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns += 1;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    await encodeBatch({ atMs: 1, samples }, 2, everyTurn(1));
    isDone = true;

    assert.ok(turns > 3, `${turns} turns`);
  });
});
