import assert from 'node:assert/strict';
import fc from 'fast-check';
import { endOfValue } from '../../../src/query/target/json-bytes.ts';
import { JsonPieces } from '../../../src/query/target/json-pieces.ts';

describe('JsonPieces', () => {
  it('finds the end of a value as it is found in the whole', () => {
    fc.assert(
      fc.property(fc.json(), fc.integer({ min: 1, max: 9 }), fc.nat(9), (json, length, before) => {
        const bytes = Buffer.from(`${' '.repeat(before)}${json},`);
        const end = endOfValue(bytes, before);
        const pieces = new JsonPieces();
        let found = -1;
        let came = 0;
        while (found < 0) {
          pieces.push(bytes.subarray(came, came + length), 0);
          came += length;
          if (came > before) found = pieces.endOfValue(before);
        }
        assert.equal(found, end);
        assert.ok(came - length < end + 1, 'as soon as it has come');
      }),
      { numRuns: 500 },
    );
  });

  it('scans no byte of a value twice, and seldom copies it', () => {
    const value = Buffer.from(JSON.stringify('\\"}]{x'.repeat(20_000)));
    const pieces = new JsonPieces();
    let buffers = 0;
    let buffer: ArrayBufferLike | undefined;
    for (let at = 0; at < value.length; at++) {
      pieces.push(value.subarray(at, at + 1), 0);
      if (at > 10_000 && pieces.bytes.buffer !== buffer) buffers++;
      buffer = pieces.bytes.buffer;
      const isLast = at === value.length - 1;
      assert.equal(pieces.endOfValue(0), isLast ? value.length : -1);
      // What was scanned is not looked at again: a quote there would end the value.
      if (!isLast && at > 4_096 && at % 1_000 === 0) pieces.bytes[at - 100] = 34;
    }
    assert.ok(buffers < 10, `${buffers} buffers`);
  });
});
