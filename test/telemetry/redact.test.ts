import assert from 'node:assert/strict';
import fc from 'fast-check';
import { freshToken } from '../../broker/token.ts';
import { redactFields, redactQuery, redactText } from '../../src/telemetry/redact.ts';

const TOKEN = freshToken();
/** Every character of it in percent escapes. */
const ESCAPED = Buffer.from(TOKEN).toString('hex').replace(/../g, '%$&');

describe('redactText', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['GET http://user:pass@host/x failed', 'GET http://***@host/x failed'],
    ['nats://token@10.0.0.1:4222', 'nats://***@10.0.0.1:4222'],
    ['/x?token=abc&app=shop', '/x?token=***&app=shop'],
    ['/x?a=1;api_key=abc#f', '/x?a=1;api_key=***#f'],
    ['Authorization: Basic dTpwYXNz', 'Authorization: Basic ***'],
    ['sent Bearer eyJhbGciOi.J9 to h', 'sent Bearer *** to h'],
    [`no binding of ${TOKEN}, it says`, 'no binding of ***, it says'],
    [`a${TOKEN}b`, 'a***'],
    [ESCAPED, '***'],
    [`GET /x?y=${encodeURIComponent(ESCAPED)}`, '***'],
    [
      'promgate_merge_duplicate_samples_dropped_total 1',
      'promgate_merge_duplicate_samples_dropped_total 1',
    ],
    ['nothing secret: a=b http://host/x?app=1', 'nothing secret: a=b http://host/x?app=1'],
  ];
  for (const [text, redacted] of cases) {
    it(`writes ${redacted}`, () => assert.equal(redactText(text), redacted));
  }
});

describe('redactQuery', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['app=a%2Fb&password=x', 'app=a%2Fb&password=***'],
    ['%70assword=x&a', '%70assword=***&a'],
    ['metric_path=%2Fm%3Ftoken%3Dabc', 'metric_path=%2Fm%3Ftoken%3D***'],
    ['route_url=https%3A%2F%2Fu%3Ap%40h', 'route_url=https%3A%2F%2F***%40h'],
    ['app=%zz', 'app=%zz'],
    [`app=a&x=${TOKEN}&y=%20`, 'app=a&x=***&y=%20'],
    [`app=a&x=${ESCAPED}&${TOKEN}=y`, 'app=a&***&***=y'],
    ['', ''],
  ];
  for (const [query, redacted] of cases) {
    it(`writes ${JSON.stringify(redacted)}`, () => assert.equal(redactQuery(query), redacted));
  }
});

describe('redactFields', () => {
  it('masks whatever stands under a secret name, at any depth', () => {
    const fields = {
      headers: { Authorization: 'Basic x', cookie: ['a'], accept: '*/*' },
      config: [{ password: 'x', username: 'u' }],
      encryption_key: 1,
      keys: 3,
    };
    assert.deepEqual(redactFields(fields), {
      headers: { Authorization: '***', cookie: '***', accept: '*/*' },
      config: [{ password: '***', username: 'u' }],
      encryption_key: '***',
      keys: 3,
    });
  });

  it('writes an error with its cause, without the secrets in their texts', () => {
    const cause = Object.assign(new Error('connect nats://u:p@h'), { code: 'ECONNREFUSED' });
    const written = JSON.stringify(redactFields({ err: new Error('no routes', { cause }) }));
    assert.match(written, /no routes/);
    assert.match(written, /ECONNREFUSED/);
    assert.match(written, /nats:\/\/\*\*\*@h/);
    assert.doesNotMatch(written, /u:p/);
  });

  it('ends with what refers to itself', () => {
    const loop: Record<string, unknown> = {};
    loop['loop'] = loop;
    JSON.stringify(redactFields(loop));
  });

  it('takes anything, and leaves numbers and switches as they are', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true }), (value) => {
        JSON.stringify(redactFields({ value }));
      }),
    );
    assert.deepEqual(redactFields([1, true, null, undefined]), [1, true, null, undefined]);
  });
});
