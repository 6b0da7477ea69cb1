import assert from 'node:assert/strict';
import fc from 'fast-check';
import { printEvent, type RequestEvent } from '../../src/telemetry/request-event.ts';

const EVENT: RequestEvent = {
  ...{ atMs: 1_767_323_045_678, method: 'GET', path: '/a', status: 200, cache: 'STALE' },
  ...{ durationMs: 0.04, bytes: 0, origin: 'https://o.example' },
};

const printed = (more: Partial<RequestEvent>) =>
  JSON.parse(printEvent({ ...EVENT, ...more }).value);

describe('printEvent', () => {
  it('prints the fields of version 1, in their order', () => {
    assert.equal(
      printEvent(EVENT).value,
      '{"v":1,"time":"2026-01-02T03:04:05.678Z","method":"GET","path":"/a","status":200,' +
        '"cache":"STALE","ms":0,"bytes":0,"origin":"https://o.example"}',
    );
    assert.deepEqual(
      [printed({ cache: undefined }).cache, printed({ origin: undefined }).origin],
      [null, null],
    );
  });

  for (const [path, key] of [
    ['/a?password=secret', '/a?password=***'],
    ['/a?x=1&api_key=secret&y=%20', '/a?x=1&api_key=***&y=%20'],
    ['/a?u=http%3A%2F%2Fme%3Asecret%40h', '/a?u=http%3A%2F%2F***%40h'],
    ['/http://me:secret@h/x', '/http://***@h/x'],
    [`/t/promgate_${'s'.repeat(43)}`, '/t/***'],
    [`/t/%70romgate_${'s'.repeat(43)}`, '***'],
    ['/a;session=secret', '/a;session=***'],
  ] as const) {
    it(`masks the secrets of ${path.slice(0, 40)}`, () => {
      const { key: actual, value } = printEvent({ ...EVENT, path });

      assert.equal(actual, key);
      assert.equal(JSON.parse(value).path, key);
    });
  }

  it('masks before it shortens, and is bounded whatever comes', () => {
    const secret = 's'.repeat(5000);
    assert.doesNotMatch(printEvent({ ...EVENT, path: `/?token=${secret}` }).value, /sss/);
    const text = fc.string({ unit: 'binary', maxLength: 200 }).map((one) => one.repeat(50));
    fc.assert(
      fc.property(text, text, text, (path, method, origin) => {
        const { key, value } = printEvent({ ...EVENT, path, method, origin });

        assert.ok(key.length <= 4096 && value.length <= 6 * (4096 + 1024 + 32) + 200);
        assert.equal(typeof JSON.parse(value), 'object');
      }),
    );
  });
});
