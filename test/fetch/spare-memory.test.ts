import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SpareMemory } from '../../src/fetch/spare-memory.ts';

describe('SpareMemory', () => {
  it('gives memory again that nobody needs', () => {
    const spare = new SpareMemory();
    const first = spare.take(50_000).fill('a');
    assert.ok(spare.keep(first.buffer));
    const kept = spare.bytes;
    assert.ok(kept >= 50_000);
    const second = spare.take(50_100);
    assert.equal(spare.bytes, 0);
    assert.equal(second.length, 50_100);
    assert.equal(second.toString('latin1', 0, 50_000), 'a'.repeat(50_000), 'the same memory');
  });

  it('leaves those who held the memory before with no bytes', () => {
    const spare = new SpareMemory();
    const page = spare.take(8_000).fill('secret of another tenant');
    const { buffer } = page;
    spare.keep(buffer);
    spare.take(8_000).fill('x');
    assert.equal(page.length, 0);
    assert.equal(buffer.byteLength, 0);
    assert.equal(spare.keep(buffer), false, 'memory is kept once');
  });

  it('keeps no memory of other sizes, of Node, or that can be resized', () => {
    const spare = new SpareMemory();
    for (const bytes of [0, 1, 1_000, 50_001, Buffer.poolSize, 262_208 + 1, 300_000, 1_048_576]) {
      assert.equal(spare.keep(new ArrayBuffer(bytes)), false, `${bytes} bytes`);
    }
    const resizable = new ArrayBuffer(65_536, { maxByteLength: 65_536 });
    assert.equal(spare.keep(resizable), false);
    assert.equal(spare.bytes, 0);
  });

  it('gives as many bytes as were asked for, of memory at most an eighth larger, or 1 KB', () => {
    const spare = new SpareMemory();
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400_000 }), (length) => {
        const bytes = spare.take(length);
        assert.equal(bytes.length, length);
        assert.ok(bytes.buffer.byteLength <= Math.max(length * 1.125, length + 1_024));
        spare.keep(bytes.buffer);
      }),
    );
  });

  it('keeps 16 MiB at most', () => {
    const spare = new SpareMemory();
    const pages = Array.from({ length: 100 }, () => spare.take(262_144));
    const kept = pages.filter(({ buffer }) => spare.keep(buffer)).length;
    assert.equal(kept, 63);
    assert.ok(spare.bytes <= 16_777_216);
  });
});
