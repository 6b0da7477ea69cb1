import assert from 'node:assert/strict';
import fc from 'fast-check';
import { maskedChecksum, unframeSnappy } from '../../src/push/snappy-frames.ts';

const IDENTIFIER = Buffer.from('ff060000734e61507059', 'hex');

/** A chunk, as the format has it. */
function chunk(type: number, content: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head[0] = type;
  head.writeUIntLE(content.length, 1, 3);
  return Buffer.concat([head, content]);
}

function withChecksum(plain: Buffer, data: Buffer): Buffer {
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(maskedChecksum(plain));
  return Buffer.concat([sum, data]);
}

function unframe(...chunks: readonly Buffer[]): string {
  const parts = [...unframeSnappy(Buffer.concat([IDENTIFIER, ...chunks]))];
  const problem = parts.find((part) => typeof part === 'string');
  return problem ?? Buffer.concat(parts.filter((part) => typeof part !== 'string')).toString();
}

describe('unframeSnappy', () => {
  it('has the checksum of the format', () => {
    // CRC-32C of "123456789" is e3069283.
    const turned = (((0xe3069283 >>> 15) | (0xe3069283 << 17)) + 0xa282ead8) >>> 0;

    assert.equal(maskedChecksum(Buffer.from('123456789')), turned);
  });

  it('reads chunks that are not compressed, and leaves out padding', () => {
    const text = Buffer.from('m 1\n');

    const content = unframe(chunk(0xfe, Buffer.alloc(9)), chunk(1, withChecksum(text, text)));

    assert.equal(content, 'm 1\n');
  });

  it('reads literals and copies, also copies that overlap', () => {
    const text = Buffer.from('abababababX');
    const block = Buffer.from([11, (2 - 1) << 2, 0x61, 0x62, ((8 - 4) << 2) | 1, 2, 0, 0x58]);

    assert.equal(unframe(chunk(0, withChecksum(text, block))), 'abababababX');
  });

  it('says what is wrong with damaged frames', () => {
    const text = Buffer.from('m 1\n');

    assert.match([...unframeSnappy(text)].join(), /stream identifier/);
    assert.match(unframe(Buffer.from([0, 9])), /cut off/);
    assert.match(unframe(chunk(1, Buffer.from('abcdm 1\n'))), /checksum is wrong/);
    assert.match(unframe(chunk(2, text)), /unknown type/);
    assert.match(unframe(chunk(0, withChecksum(text, Buffer.from([4, 1, 9])))), /damaged/);
    assert.match(
      unframe(chunk(0, withChecksum(text, Buffer.from([255, 255, 255, 255, 15])))),
      /damaged/,
    );
  });

  it('gives an end to whatever bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const block = Buffer.from(bytes);
        unframe(block);
        unframe(chunk(0, withChecksum(block, block)));
      }),
    );
  });
});
