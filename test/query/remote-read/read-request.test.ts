import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compress } from 'snappyjs';
import {
  decodeReadRequest,
  type ReadRequest,
  ReadRequestError,
} from '../../../src/query/remote-read/read-request.ts';
import { readRequest } from '../../../src/query/target/read-request.ts';
import { literalBlock } from '../../../src/query/target/snappy-block.ts';

const MAX = 1_000_000;

function decoded(body: Buffer): ReadRequest {
  const steps = decodeReadRequest(body, MAX);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** A field of Protocol Buffers that holds bytes. */
function nested(field: number, bytes: Buffer): Buffer {
  const head = [
    field * 8 + 2,
    (bytes.length & 127) | 128,
    ((bytes.length >> 7) & 127) | 128,
    bytes.length >> 14,
  ];
  return Buffer.concat([Buffer.from(head), bytes]);
}

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

        const { queries, form } = decoded(readRequest({ matchers, range, hints }));

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
          decoded(Buffer.from(body));
        } catch (error) {
          assert.ok(error instanceof ReadRequestError, String(error));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('refuses more bytes than the bound, before it makes room for them', () => {
    const claim = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0]);

    assert.throws(() => decoded(claim), /more than 1000000 bytes/);
    const bomb = compress(Buffer.alloc(MAX + 1));
    assert.throws(() => decoded(bomb), /more than 1000000 bytes/);
  });

  it('reads numbers of all 64 bits as they are signed, the nearest where they are large', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (number) => {
        const bytes: number[] = [];
        let rest = BigInt.asUintN(64, number);
        for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
        bytes.push(Number(rest));

        const { queries } = decoded(compress(nested(1, Buffer.from([8, ...bytes]))));

        assert.equal(queries[0]?.startMs, Number(number));
      }),
    );
  });

  it('refuses more than 1,000 matchers in all queries together', () => {
    const query = (matchers: number) => nested(1, Buffer.alloc(2 * matchers, Buffer.of(0x1a, 0)));
    const request = (...matchers: number[]) => compress(Buffer.concat(matchers.map(query)));

    assert.equal(decoded(request(600, 400)).queries[1]?.matchers.length, 400);
    assert.throws(() => decoded(request(600, 401)), /more than 1000 matchers/);
  });

  it('refuses more than 10,000 fields, at any depth and of any kind', () => {
    const unknown = (count: number) => Buffer.alloc(2 * count, Buffer.of(0x28, 0));
    const hints = (count: number) => nested(1, nested(4, unknown(count)));

    assert.equal(decoded(compress(unknown(10_000))).queries.length, 0);
    assert.throws(() => decoded(compress(unknown(10_001))), /more than 10000 fields/);
    assert.equal(decoded(compress(hints(9_998))).queries.length, 1);
    assert.throws(() => decoded(compress(hints(9_999))), /more than 10000 fields/);
  });

  it('decompresses in steps', () => {
    const steps = decodeReadRequest(
      literalBlock(nested(1, nested(3, nested(2, Buffer.alloc(900_000))))),
      MAX,
    );

    assert.equal([...steps].length, 3);
  });

  it('decompresses in steps also what comes in single bytes', () => {
    const message = nested(1, nested(3, nested(2, Buffer.alloc(99_988))));
    const literals = [...message].flatMap((byte) => [0, byte]);
    const steps = decodeReadRequest(Buffer.from([0xa0, 0x8d, 0x06, ...literals]), MAX);

    assert.equal(message.length, 100_000);
    assert.equal([...steps].length, 3);
  });
});
