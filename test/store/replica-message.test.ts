import assert from 'node:assert/strict';
import fc from 'fast-check';
import { printMessage, type ReplicaMessage, readMessage } from '../../src/store/replica-message.ts';

const SENDER = 'a-sender_of-16-or-more';
const MAX_LENGTH = 4096;

const value = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 });
const message: fc.Arbitrary<ReplicaMessage> = fc.oneof(
  fc.constant({ kind: 'bindings' as const }),
  fc.constant({ kind: 'purge' as const, what: { kind: 'all' as const } }),
  fc

    .record(
      { kind: fc.constantFrom('key' as const, 'app' as const, 'tag' as const), value },
      { noNullPrototype: true },
    )
    .map((what) => ({ kind: 'purge' as const, what })),
);
const purge = (text: string): ReplicaMessage => ({
  kind: 'purge',
  what: { kind: 'key', value: text },
});
const read = (text: string) => readMessage(Buffer.from(text));

describe('a message of a replica', () => {
  it('is read as it was printed', () => {
    fc.assert(
      fc.property(message, (one) => {
        assert.deepEqual(read(printMessage(one, SENDER)), { sender: SENDER, message: one });
      }),
    );
  });

  it('has a value of bounded length, whatever it holds, or purges all', () => {
    const all = printMessage({ kind: 'purge', what: { kind: 'all' } }, SENDER);
    for (const unit of ['x', 'ä', '\u0000', '"']) {
      const longest = printMessage(purge(unit.repeat(MAX_LENGTH)), SENDER);

      assert.notEqual(typeof read(longest), 'string', unit);
      assert.equal(printMessage(purge(unit.repeat(MAX_LENGTH + 1)), SENDER), all);
    }
    assert.equal(printMessage(purge(''), SENDER), all);
  });

  for (const text of [
    '',
    'true',
    '[]',
    '{}',
    `{"v":"1","from":"${SENDER}","kind":"bindings"}`,
    `{"v":1,"from":"short","kind":"bindings"}`,
    `{"v":1,"from":"${'x'.repeat(65)}","kind":"bindings"}`,
    `{"v":1,"from":"${SENDER}","kind":"bindings","what":{"kind":"all"}}`,
    `{"v":1,"from":"${SENDER}","kind":"bindings","more":1}`,
    `{"v":1,"from":"${SENDER}","kind":"purge"}`,
    `{"v":1,"from":"${SENDER}","kind":"purge","what":"all"}`,
    `{"v":1,"from":"${SENDER}","kind":"purge","what":{"kind":"all","value":"x"}}`,
    `{"v":1,"from":"${SENDER}","kind":"purge","what":{"kind":"key"}}`,
    `{"v":1,"from":"${SENDER}","kind":"purge","what":{"kind":"key","value":""}}`,
    `{"v":1,"from":"${SENDER}","kind":"purge","what":{"kind":"key","value":7}}`,
    `{"v":1,"from":"${SENDER}","kind":"purge","what":{"kind":"host","value":"x"}}`,
    `{"v":1,"from":"${SENDER}","kind":"purge","what":{"kind":"key","value":"x","z":1}}`,
    `{"v":1,"from":"${SENDER}","kind":"purge","what":{"kind":"key","value":"${'x'.repeat(4097)}"}}`,
  ]) {
    it(`is not ${text.slice(0, 90)}`, () => {
      assert.equal(read(text), 'malformed');
    });
  }

  it('is too large before it is parsed, and may be of a later version', () => {
    assert.equal(read(' '.repeat(40_000)), 'too-large');
    assert.equal(read('{"v":2,"anything":"else"}'), 'version');
  });

  it('is nothing that any bytes make throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.equal(readMessage(Buffer.from(bytes)), 'malformed');
      }),
    );
    fc.assert(
      fc.property(fc.json(), (text) => {
        const answer = read(text);
        assert.ok(answer === 'malformed' || answer === 'version');
      }),
    );
  });
});
