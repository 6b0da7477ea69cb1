import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseRedisUrl, RedisUrlError } from '../../src/config/redis-url.ts';

describe('parseRedisUrl', () => {
  it('reads host, port, user and password, with and without TLS', () => {
    const plain = { port: 6379, user: undefined, password: undefined, usesTls: false };

    assert.deepEqual(parseRedisUrl('redis://r.example'), { ...plain, host: 'r.example' });
    assert.deepEqual(parseRedisUrl('redis://[::1]:7/3?x=y'), { ...plain, host: '::1', port: 7 });
    assert.deepEqual(parseRedisUrl('valkeys://:p%40s@r'), {
      ...{ ...plain, host: 'r' },
      ...{ password: 'p@s', usesTls: true },
    });
    assert.deepEqual(parseRedisUrl('REDISS://me:secret@r:16379/0'), {
      ...{ host: 'r', port: 16379, user: 'me', password: 'secret', usesTls: true },
    });
  });

  it('decodes whatever user and password hold', () => {
    const any = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(any, any, (user, password) => {
        const account = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
        const address = parseRedisUrl(`redis://${account}@r`);

        assert.deepEqual([address.user, address.password], [user, password]);
      }),
    );
  });

  for (const [url, fault] of [
    ['', 'has no scheme'],
    ['r.example:6379', 'has no scheme'],
    ['http://me:secret@r.example', 'has the scheme http'],
    ['redis://me:secret@', 'cannot be understood'],
    ['redis://me:secret@r:port', 'cannot be understood'],
    ['redis://me:sec/ret@r', 'cannot be understood'],
    ['redis://r/secret@s', 'has an @ after the host'],
    ['redis://me:secret%@r', 'holds a % that begins no'],
    ['redis://secret@r', 'names a user without a password'],
  ] as const) {
    it(`says that ${url || 'an empty one'} ${fault}, what is allowed, and no password`, () => {
      assert.throws(
        () => parseRedisUrl(url),
        (error) => {
          assert.ok(error instanceof RedisUrlError);
          assert.ok(error.message.startsWith(`the Redis URL ${fault}`), error.message);
          assert.match(error.message, /allowed are redis:\/\/.* and rediss:\/\//);
          assert.doesNotMatch(error.message, /secret/);
          return true;
        },
      );
    });
  }
});
