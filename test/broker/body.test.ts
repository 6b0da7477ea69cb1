import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { BodyReader } from '../../broker/body.ts';
import { Refusal } from '../../broker/refusal.ts';

const KIB = 1024;

/** A body whose annotations make it so long. */
const body = (sizeBytes: number): Buffer =>
  Buffer.from(`{"service_id":"s","x":"${'x'.repeat(sizeBytes)}"}`);

describe('BodyReader', () => {
  it('holds no more of all large bodies than its bound, and reads small ones meanwhile', async () => {
    const bodies = new BodyReader(100 * KIB);
    const slow = new PassThrough();
    const first = bodies.read(slow);
    slow.write(body(90 * KIB));
    await new Promise(setImmediate);

    await assert.rejects(bodies.read(Readable.from([body(90 * KIB)])), (error) => {
      assert.ok(error instanceof Refusal);
      assert.deepEqual([error.reason, error.status], ['busy', 503]);
      assert.match(error.headers['Retry-After'] ?? '', /^\d+$/);
      return true;
    });
    assert.deepEqual({ ...(await bodies.read(Readable.from([body(10)]))) }, { service_id: 's' });

    slow.end();
    await first;
    assert.deepEqual(
      { ...(await bodies.read(Readable.from([body(90 * KIB)]))) },
      { service_id: 's' },
    );
  });

  it('lets go of what it held of a body that breaks off', async () => {
    const bodies = new BodyReader(100 * KIB);
    const broken = new PassThrough();
    const reading = bodies.read(broken);
    broken.write(body(90 * KIB));
    await new Promise(setImmediate);

    broken.destroy(new Error('reset'));

    await assert.rejects(reading, /reset/);
    assert.deepEqual(
      { ...(await bodies.read(Readable.from([body(90 * KIB)]))) },
      { service_id: 's' },
    );
  });
});
