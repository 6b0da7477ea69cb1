import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { toBody } from '../../src/exposition/body.ts';
import { InsertedLabels } from '../../src/merge/labels.ts';
import { Merge } from '../../src/merge/merge.ts';
import type { SplicePlan } from '../../src/merge/plan.ts';
import { createChunk, Splicer } from '../../src/merge/splice.ts';
import { writePlan } from '../../src/serve/splice-stream.ts';
import { eventually } from '../support/eventually.ts';

/** What a response may hold that the reader has not taken. */
const RING_BYTES = 4 * 65_536;
const NEVER = new AbortController().signal;

/** A plan that prints about 2 MB. */
async function longPlan(): Promise<SplicePlan> {
  const merge = new Merge({
    labelConflict: 'exported',
    exportJob: true,
    escaping: { text: 'underscores', openmetrics: 'underscores' },
    preferOpenMetrics: false,
  });
  const lines = Array.from({ length: 20_000 }, (_, n) => `foo{n="${n}"} ${n}\n`).join('');
  const labels = new InsertedLabels([['organization_name', 'x'.repeat(60)]]);
  const bytes = toBody(Buffer.from(lines)).bytes.subarray(0, lines.length);
  await merge.add({ place: 0, of: 'instance', bytes, format: 'text', labels });
  return merge.plan((await merge.settle()).format);
}

function printed(plan: SplicePlan): Buffer {
  const splicer = new Splicer(plan);
  const chunk = createChunk(1_000_000);
  const parts: Buffer[] = [];
  for (let filled = splicer.fill(chunk); filled > 0; filled = splicer.fill(chunk)) {
    parts.push(Buffer.from(chunk.bytes.subarray(0, filled)));
  }
  return Buffer.concat(parts);
}

/** Takes writes and acknowledges them only when told. */
class Holding extends Writable {
  readonly waiting: { readonly bytes: Buffer; readonly copy: Buffer; done(): void }[] = [];
  readonly taken: Buffer[] = [];

  constructor() {
    super({ highWaterMark: 1 });
  }

  override _write(bytes: Buffer, _encoding: string, callback: () => void): void {
    this.waiting.push({ bytes, copy: Buffer.from(bytes), done: callback });
  }

  /** What has been given to write and is not acknowledged. */
  get heldBytes(): number {
    return this.writableLength;
  }

  release(): void {
    const write = this.waiting.shift();
    if (!write) return;
    assert.ok(write.bytes.equals(write.copy), 'a chunk was filled again before it was written');
    this.taken.push(write.copy);
    write.done();
  }
}

describe('writePlan', () => {
  it('holds no more than four chunks for a reader that does not read', async () => {
    const plan = await longPlan();
    const out = new Holding();

    const writing = writePlan(plan, out, { gzip: false, signal: NEVER });

    await eventually('it has filled what it may', () => out.heldBytes > 3 * 65_536 || undefined);
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    assert.ok(out.heldBytes <= RING_BYTES, `${out.heldBytes} bytes`);
    const released = releaseAll(out);
    await writing;
    await released;
  });

  it('writes every byte of the plan, and fills no chunk that is still being written', async () => {
    const plan = await longPlan();
    const out = new Holding();

    const released = releaseAll(out);
    await writePlan(plan, out, { gzip: false, signal: NEVER });
    await released;

    assert.ok(Buffer.concat(out.taken).equals(printed(plan)));
  });

  it('lets others have their turn, also when the reader takes all at once', async () => {
    const spinMs = 1;
    const out = new Writable({
      write(_bytes, _encoding, callback) {
        for (const end = performance.now() + spinMs; performance.now() < end; );
        callback();
      },
    });
    const plan = await longPlan();
    let turns = 0;
    const stop = new AbortController();
    const count = async () => {
      for (; !stop.signal.aborted; turns++) await setImmediate();
    };
    const counting = count();

    await writePlan(plan, out, { gzip: false, signal: NEVER });
    stop.abort();
    await counting;

    assert.ok(turns >= 8, `${turns} turns in 32 chunks`);
  });

  it('gzips', async () => {
    const plan = await longPlan();
    const out = new PassThrough();
    const parts: Buffer[] = [];
    out.on('data', (part: Buffer) => parts.push(part));

    await writePlan(plan, out, { gzip: true, signal: NEVER });
    await eventually('all has been read', () => out.readableEnded || undefined);

    const zipped = Buffer.concat(parts);
    assert.ok(gunzipSync(zipped).equals(printed(plan)));
    assert.equal(zipped.length, gzipSync(printed(plan), { level: 2 }).length);
  });

  for (const gzip of [false, true]) {
    it(`lets go of the plan for a slow reader${gzip ? ' of a gzipped page' : ''}`, async () => {
      const plan = await longPlan();
      const whole = printed(plan);
      const out = new Holding();
      const spliced = Promise.withResolvers<number>();

      const writing = writePlan(plan, out, {
        ...{ gzip, signal: NEVER, stallMs: 1 },
        hold: (mostBytes) => mostBytes,
        onSpliced: spliced.resolve,
      });
      const heldBytes = await spliced.promise;
      assert.ok(heldBytes > 0 && heldBytes < 65_536 + gzipSync(whole).length * 1.5, `${heldBytes}`);
      for (const { page } of plan.sources) page.body.bytes.fill(0);
      const released = releaseAll(out);
      await writing;
      await released;

      const taken = Buffer.concat(out.taken);
      assert.ok((gzip ? gunzipSync(taken) : taken).equals(whole));
    });

    it(`asks again where there was no room${gzip ? ' for a gzipped page' : ''}, and holds no more meanwhile`, async () => {
      const plan = await longPlan();
      const out = new Holding();
      const spliced = Promise.withResolvers<number>();
      let asked = 0;
      let mostBytes = 0;

      const writing = writePlan(plan, out, {
        ...{ gzip, signal: NEVER, stallMs: 1 },
        hold: (bytes) => {
          mostBytes = Math.max(mostBytes, out.heldBytes);
          return ++asked < 20 ? 0 : bytes;
        },
        onSpliced: spliced.resolve,
      });
      await spliced.promise;

      assert.equal(asked, 20);
      assert.ok(mostBytes <= RING_BYTES, `${mostBytes} bytes`);
      await releaseAll(out);
      await writing;
      const taken = Buffer.concat(out.taken);
      assert.ok((gzip ? gunzipSync(taken) : taken).equals(printed(plan)));
    });

    it(`needs the plan no longer when the reader has left${gzip ? ' a gzipped page' : ''}`, async () => {
      const plan = await longPlan();
      const out = new Holding();
      const reader = new AbortController();

      const writing = writePlan(plan, out, { gzip, signal: reader.signal });
      await eventually('it writes', () => out.waiting.length > 0 || undefined);
      reader.abort(new Error('gone'));

      await assert.rejects(writing, /gone/);
    });
  }

  it('ends with the error of a stream that breaks', async () => {
    const out = new Writable({ write: (_bytes, _encoding, done) => done(new Error('broken')) });
    out.on('error', () => undefined);

    const writing = writePlan(await longPlan(), out, { gzip: false, signal: NEVER });

    await assert.rejects(writing, /broken/);
  });
});

async function releaseAll(out: Holding): Promise<void> {
  while (!out.writableFinished) {
    out.release();
    await setImmediate();
  }
}
