import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { type InflateReceiver, Inflater } from '../../src/fetch/inflate.ts';

/** Takes output, holding it back now and then as a full budget would. */
class Taker implements InflateReceiver {
  readonly parts: Buffer[] = [];
  readonly inflater: Inflater = new Inflater(this);
  readonly #stopEvery: number;
  readonly #ended = Promise.withResolvers<'inflated' | 'not gzip'>();
  #wanted: (() => void) | undefined;

  constructor(stopEvery = 0) {
    this.#stopEvery = stopEvery;
  }

  async feed(input: Buffer, chunkBytes: number): Promise<'inflated' | 'not gzip'> {
    for (let at = 0; at < input.length; at += chunkBytes) {
      if (this.inflater.write(input.subarray(at, at + chunkBytes))) continue;
      const hungry = new Promise<'hungry'>((resolve) => {
        this.#wanted = () => resolve('hungry');
      });
      const next = await Promise.race([hungry, this.#ended.promise]);
      if (next !== 'hungry') return next;
    }
    this.inflater.end();
    return await this.#ended.promise;
  }

  get output(): Buffer {
    return Buffer.concat(this.parts);
  }

  inflatedPart(chunk: Buffer): void {
    this.parts.push(chunk);
    if (this.#stopEvery === 0 || this.parts.length % this.#stopEvery !== 0) return;
    this.inflater.pause();
    setImmediate(() => this.inflater.resume());
  }

  inflated(): void {
    this.#ended.resolve('inflated');
  }

  notGzip(): void {
    this.#ended.resolve('not gzip');
  }

  hungry(): void {
    this.#wanted?.();
  }
}

describe('Inflater', () => {
  const bodies = {
    'a small page': Buffer.from('up 1\n'.repeat(1000)),
    'one of a few KB that grows beyond what is inflated at once': Buffer.alloc(3_000_000, 'up 1\n'),
    'one larger than what is held back': randomBytes(200_000),
    'an empty one': Buffer.alloc(0),
  };
  for (const [why, body] of Object.entries(bodies)) {
    for (const chunkBytes of [1000, 65_536]) {
      it(`gives back ${why}, in chunks of ${chunkBytes}`, async () => {
        for (const stopEvery of [0, 1]) {
          const taker = new Taker(stopEvery);

          assert.equal(await taker.feed(gzipSync(body), chunkBytes), 'inflated');

          assert.ok(taker.output.equals(body));
        }
      });
    }
  }

  it('takes no input for a stream that was cut', async () => {
    assert.equal(await new Taker().feed(Buffer.alloc(0), 1), 'not gzip');
  });

  it('says of anything cut or damaged that it is no gzip, small or large', async () => {
    for (const size of [1000, 200_000]) {
      const good = gzipSync(randomBytes(size));
      const damaged = Buffer.from(good).fill(0, 30, 60);
      for (const bad of [good.subarray(0, -1), damaged, Buffer.alloc(size, 'up 1\n')]) {
        assert.equal(await new Taker().feed(bad, 10_000), 'not gzip');
      }
    }
  });

  it('ends in one way or the other, whatever comes', async () => {
    const good = gzipSync('up 1\n'.repeat(100));
    const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change), fc.nat(good.length), async (changes, length) => {
        const bytes = Buffer.from(good.subarray(0, length));
        for (const [at, value] of changes) if (at < length) bytes[at] = value;
        const ended = await new Taker().feed(bytes, 7);
        if (changes.length === 0 && length === good.length) assert.equal(ended, 'inflated');
      }),
      { numRuns: 200 },
    );
  });

  it('gives nothing more once it is destroyed', async () => {
    const taker = new Taker();
    taker.inflater.write(gzipSync(randomBytes(200_000)));
    taker.inflater.destroy();
    await new Promise((resolve) => setImmediate(resolve));

    assert.equal(taker.parts.length, 0);
  });
});
