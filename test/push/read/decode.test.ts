import assert from 'node:assert/strict';
import { deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { decodeBody } from '../../../src/push/read/decode.ts';
import { decodeBlock, maskedChecksum } from '../../../src/push/read/snappy-frames.ts';
import { PushRefusal } from '../../../src/push/refusal.ts';

const BOUNDS = { maxBytes: 1_000_000, maxRatio: 100 };
/** A block that Google's library has made of twenty lines. */
const BLOCK = Buffer.from(
  '4gR0am9ic19kb25lX3RvdGFse3F1ZXVlPSJxMCJ9IDAKXh4AEDEifSAxYh4AEDIifSAyYh4AEDMifSAzYh4AEDQifSA0Yh4AEDUifSA1Yh4AEDYifSA2Yh4AAdIAN2IeAAHSADhiHgAB0gA5Yh4AAdIAMWYtAQHTADFmLgEB1AAxZi8BAdUAMWYwAQHWADFmMQEB1wAxZjIBAdgAMWYzAQXZZjQBBdlmNQEYNSJ9IDE5Cg==',
  'base64',
);
const LINES = Buffer.from(
  Array.from({ length: 20 }, (_, n) => `jobs_done_total{queue="q${n % 7}"} ${n}\n`).join(''),
);

function chunk(type: number, bytes: Buffer): Buffer {
  const header = Buffer.from([type, 0, 0, 0]);
  header.writeUIntLE(bytes.length, 1, 3);
  return Buffer.concat([header, bytes]);
}

function checked(type: number, bytes: Buffer, data: Buffer): Buffer {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(maskedChecksum(data));
  return chunk(type, Buffer.concat([checksum, bytes]));
}

const IDENTIFIER = chunk(0xff, Buffer.from('sNaPpY'));

async function refusal(bytes: Buffer, encoding: string, bounds = BOUNDS): Promise<string> {
  try {
    await decodeBody(bytes, encoding, bounds);
  } catch (error) {
    assert.ok(error instanceof PushRefusal, String(error));
    return `${error.code}: ${error.message}`;
  }
  return 'taken';
}

describe('decodeBody', () => {
  it('takes a body without encoding as it is', async () => {
    assert.equal(await decodeBody(LINES, '', BOUNDS), LINES);
    assert.equal(await decodeBody(LINES, 'identity', BOUNDS), LINES);
  });

  it('decodes gzip of one part or several, short or long', async () => {
    const long = Buffer.from(LINES.toString().repeat(50));
    const random = Buffer.from(
      Array.from({ length: 50_000 }, (_, n) => Math.imul(n * n, 0x9e37_79b1) >>> 24),
    );
    const bodies = [
      [gzipSync(LINES), LINES],
      [Buffer.concat([gzipSync(LINES), gzipSync(LINES)]), Buffer.concat([LINES, LINES])],
      [gzipSync(random), random],
      [gzipSync(long), long],
    ] as const;
    for (const [bytes, expected] of bodies) {
      assert.ok((await decodeBody(bytes, 'GZIP', BOUNDS)).equals(expected));
    }
  });

  it('decodes framed snappy', async () => {
    const frames = Buffer.concat([
      IDENTIFIER,
      checked(0, BLOCK, LINES),
      chunk(0xfe, Buffer.from('padding')),
      IDENTIFIER,
      checked(1, LINES, LINES),
    ]);

    const decoded = await decodeBody(frames, 'snappy', BOUNDS);

    assert.equal(decoded.toString(), LINES.toString() + LINES.toString());
  });

  it('refuses more bytes than its bounds allow', async () => {
    const bomb = gzipSync(Buffer.alloc(900_000));
    const zeros = Buffer.alloc(60_000);
    const frames = Buffer.concat([
      IDENTIFIER,
      ...Array.from({ length: 20 }, () => checked(1, zeros, zeros)),
    ]);

    const why = [
      await refusal(bomb, 'gzip'),
      await refusal(gzipSync(LINES), 'gzip', { ...BOUNDS, maxBytes: 100 }),
      await refusal(frames, 'snappy'),
      await refusal(LINES, '', { ...BOUNDS, maxBytes: 100 }),
    ];

    assert.deepEqual(why, [
      `too_large: the decompressed body has more than ${bomb.length * 100} bytes: push less at once`,
      'too_large: the decompressed body has more than 100 bytes: push less at once',
      'too_large: the decompressed body has more than 1000000 bytes: push less at once',
      'too_large: the body has more than 100 bytes: push less at once',
    ]);
  });

  it('refuses what is broken', async () => {
    const wrong = checked(1, LINES, BLOCK);
    const bodies: readonly (readonly [bytes: Buffer, encoding: string, why: RegExp])[] = [
      [LINES, 'gzip', /^bad_body: the body is not gzip: incorrect header check$/],
      [
        gzipSync(LINES).subarray(0, 40),
        'gzip',
        /^bad_body: the body is not gzip: unexpected end of file$/,
      ],
      [deflateSync(LINES), 'deflate', /^bad_header: the Content-Encoding is unknown/],
      [LINES, 'gzip, gzip', /^bad_header/],
      [LINES, 'snappy', /does not begin with its identifier|ends inside/],
      [BLOCK, 'snappy', /ends inside of a chunk|identifier/],
      [Buffer.concat([IDENTIFIER, wrong]), 'snappy', /a checksum is wrong$/],
      [
        Buffer.concat([IDENTIFIER, chunk(1, Buffer.from('abc'))]),
        'snappy',
        /a chunk has no checksum$/,
      ],
      [
        Buffer.concat([IDENTIFIER, chunk(2, Buffer.from('abc'))]),
        'snappy',
        /chunk type 2 is unknown$/,
      ],
      [IDENTIFIER.subarray(0, 9), 'snappy', /ends inside of a chunk$/],
      [IDENTIFIER.subarray(0, 3), 'snappy', /ends inside of a chunk header$/],
    ];
    for (const [bytes, encoding, why] of bodies) assert.match(await refusal(bytes, encoding), why);
  });
});

describe('decodeBlock', () => {
  it('decodes what literals and copies say, or refuses', () => {
    fc.assert(
      fc.property(fc.nat(BLOCK.length - 1), fc.nat(255), (at, byte) => {
        const block = Buffer.from(BLOCK);
        block[at] = byte;
        try {
          assert.ok(decodeBlock(block, 65_536).length <= 65_536);
        } catch (error) {
          assert.match(String(error), /^SnappyError: /);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('decodes long literals', () => {
    const data = Buffer.alloc(70_000, 'abc');
    const block = Buffer.concat([Buffer.from([0xf0, 0xa2, 0x04, 62 << 2, 0x6f, 0x11, 0x01]), data]);

    assert.ok(decodeBlock(block, 70_000).equals(data));
    assert.throws(() => decodeBlock(block, 69_999), /more than 69999 bytes/);
  });
});

describe('maskedChecksum', () => {
  it('is the masked CRC-32C', () => {
    const crc = 0xe306_9283; // of "123456789"

    const masked = (((crc >>> 15) | (crc << 17)) + 0xa282_ead8) >>> 0;

    assert.equal(maskedChecksum(Buffer.from('123456789')), masked);
  });
});
