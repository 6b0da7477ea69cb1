import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compress } from 'snappyjs';
import {
  decodeReadRequest,
  ReadRequestError,
} from '../../../src/query/remote-read/read-request.ts';
import { readRequest } from '../../../src/query/target/read-request.ts';

const MAX = 1_000_000;

describe('decodeReadRequest', () => {
  it('reads what a client writes', () => {
    const matcher = fc.record(
      {
        name: fc.string({ unit: 'grapheme' }),
        op: fc.constantFrom('=' as const, '!=' as const, '=~' as const, '!~' as const),
        value: fc.string({ unit: 'grapheme' }),
      },
      { noNullPrototype: true },
    );
    const time = fc.integer({ min: -1e12, max: 1e13 });
    fc.assert(
      fc.property(fc.array(matcher), time, time, (matchers, startMs, endMs) => {
        fc.pre(endMs !== 0);
        const range = { afterMs: startMs - 1, untilMs: endMs };
        const hints = { function: 'rate', stepMs: 15_000, rangeMs: 300_000 };

        const { queries, form } = decodeReadRequest(readRequest({ matchers, range, hints }), MAX);

        assert.equal(form, 'chunks');
        assert.deepEqual(queries, [{ matchers, startMs, endMs, ...hints }]);
      }),
    );
  });

  it('reads or refuses any bytes, and never runs beyond their end', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((all) => compress(Buffer.from(all))),
      fc.uint8Array({ maxLength: 200 }).map((all) => Buffer.from(all)),
    );
    fc.assert(
      fc.property(bytes, (body) => {
        try {
          decodeReadRequest(Buffer.from(body), MAX);
        } catch (error) {
          assert.ok(error instanceof ReadRequestError, String(error));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('refuses more bytes than the bound, before it makes room for them', () => {
    const claim = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0]);

    assert.throws(() => decodeReadRequest(claim, MAX), /more than 1000000 bytes/);
    const bomb = compress(Buffer.alloc(MAX + 1));
    assert.throws(() => decodeReadRequest(bomb, MAX), /more than 1000000 bytes/);
  });
});
