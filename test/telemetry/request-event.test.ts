import assert from 'node:assert/strict';
import fc from 'fast-check';
import { printEvent, type RequestEvent } from '../../src/telemetry/request-event.ts';

const EVENT: RequestEvent = {
  ...{ atMs: 1_767_323_045_678, method: 'GET', path: '/a', status: 200, cache: 'STALE' },
  ...{ durationMs: 0.04, bytes: 0, origin: 'https://o.example' },
};

/** Names of query parameters that hold credentials, as they are met. */
const SECRET_NAMES = [
  ...[
    'token',
    'access_token',
    'key',
    'api_key',
    'X-Api-Key',
    'password',
    'passwd',
    'pwd',
    'secret',
  ],
  ...[
    'client_secret',
    'sig',
    'signature',
    'X-Amz-Signature',
    'X-Goog-Signature',
    'X-Amz-Credential',
  ],
  ...['X-Amz-Security-Token', 'Authorization', 'session', 'jwt', 'auth', 'AWSAccessKeyId'],
];

const SECRET = 'Qz7Wk9Xv';

const encoded = (text: string, times: number): string =>
  times === 0 ? text : encoded(encodeURIComponent(text), times - 1);

/** A place of a target that holds `SECRET`. */
const hiding = fc
  .record({
    name: fc.constantFrom(...SECRET_NAMES),
    upper: fc.boolean(),
    before: fc.constantFrom('', 'a=b&', 'match[]=up%7Bx%3D%22y%22%7D&', 'broken=%zz&', '&&', 'x&'),
    after: fc.constantFrom('', '&z=1', '%zz', '&broken=%', ';x=1'),
    base: fc.constantFrom('/metrics', '/', '', '/a%zz/b', '//x'),
    times: fc.integer({ min: 0, max: 4 }),
    place: fc.constantFrom('parameter', 'userinfo', 'nested', 'inner', 'path', 'segment'),
  })
  .map(({ name, upper, before, after, base, times, place }) => {
    const key = upper ? name.toUpperCase() : name;
    const url = encoded(`https://me:${SECRET}@host.example:9100/p`, times);
    const query = encoded(`${key}=${SECRET}`, times);
    if (place === 'parameter') return `${base}?${before}${key}=${SECRET}${after}`;
    if (place === 'userinfo') return `${base}?${before}endpoint=${url}${after}`;
    if (place === 'nested') {
      return `${base}?${before}endpoint=${encoded(`http://h/p?x=1&${key}=${SECRET}`, times)}${after}`;
    }
    if (place === 'inner') return `${base}?${before}q=${query}${after}`;
    if (place === 'path') return `${base}/${url}${after}`;
    return `${base}/x;${query}/y${after}`;
  });

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

  it('prints no credential, wherever in the target it is and however often encoded', () => {
    fc.assert(
      fc.property(hiding, (path) => {
        const { key, value } = printEvent({ ...EVENT, path, origin: `https://me:${SECRET}@o` });

        assert.ok(!key.includes(SECRET), key);
        assert.ok(!value.includes(SECRET), value);
      }),
      { numRuns: 2_000 },
    );
  });

  it('leaves a target without credentials as it was sent', () => {
    for (const path of [
      '/metrics?endpoint=10.1.2.3%3A9100%2Fprobe%3Ftarget%3Dx&match[]=up%7Bjob%3D%22a%22%7D',
      '/products/5%25?page=2&sort=%C3%A4&sort=b',
      '/a%2Fb/c%zz?x',
    ]) {
      assert.equal(printEvent({ ...EVENT, path }).key, path);
    }
  });

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
