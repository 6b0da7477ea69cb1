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

  it('reads of a large body what it reads of a small one', async () => {
    const bodies = new BodyReader();
    const given = {
      ...{ service_id: 's', plan_id: null, space_guid: 7, maintenance_info: 'x' },
      ...{ parameters: { endpoint: '/ä', x: [1, 2] }, previous_values: [], y: [{}] },
      bind_resource: { app_guid: 'a', route: { z: 1 }, credential_client_id: 'c' },
      context: {
        space_guid: 'ü',
        organization_name: 'o',
        organization_annotations: {},
        app_annotations: { a: ['\\"', '}'] },
      },
    };
    const small = JSON.stringify(given);
    const large = `{"z":"${'x'.repeat(80 * KIB)}",${small.slice(1)}`;

    const [fromSmall, fromLarge] = await Promise.all(
      [small, large].map((text) => bodies.read(Readable.from([Buffer.from(text)]))),
    );

    assert.deepEqual(JSON.parse(JSON.stringify(fromLarge)), JSON.parse(JSON.stringify(fromSmall)));
    assert.equal(
      JSON.stringify(fromLarge?.['context']),
      '{"space_guid":"ü","organization_name":"o"}',
    );
  });

  it('refuses what is large and read, and a large body that is no object', async () => {
    const bodies = new BodyReader();
    const long = 'x'.repeat(70 * KIB);
    for (const text of [
      JSON.stringify({ parameters: { endpoint: long } }),
      JSON.stringify({ context: { space_guid: long } }),
      JSON.stringify([long]),
      JSON.stringify({ x: long }).slice(0, -1),
    ]) {
      await assert.rejects(bodies.read(Readable.from([Buffer.from(text)])), (error) => {
        assert.ok(error instanceof Refusal);
        assert.equal(error.status, 400);
        return true;
      });
    }
    const noUnicode = Buffer.concat([
      Buffer.from('{"x":"'),
      Buffer.from([0xff]),
      Buffer.from('"}'),
    ]);
    await assert.rejects(bodies.read(Readable.from([noUnicode])), /UTF-8/);
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
