import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { freePages, ReadMemory } from '../../src/fetch/memory.ts';

describe('freePages', () => {
  it('empties the pages, and all that lies in their memory', () => {
    const memory = Buffer.allocUnsafeSlow(100);
    const page = memory.subarray(0, 84);

    freePages([page, Buffer.allocUnsafeSlow(10)]);

    assert.deepEqual([page.length, memory.length], [0, 0]);
  });

  it('frees large ones in several turns, all in the end', async () => {
    const pages = Array.from({ length: 5 }, () => Buffer.allocUnsafeSlow(5_000_000));

    freePages(pages);

    assert.equal(pages.filter(({ length }) => length > 0).length, 3);
    await setImmediate();
    await setImmediate();
    assert.equal(pages.filter(({ length }) => length > 0).length, 0);
  });

  it("leaves Node's pool alone", () => {
    const pooled = Buffer.from('abc');

    freePages([pooled]);

    assert.equal(pooled.toString(), 'abc');
  });
});

describe('ReadMemory', () => {
  it('is freed after the current task, not within it', async () => {
    const memory = new ReadMemory();
    const read = Buffer.allocUnsafeSlow(100);
    memory.add(read.subarray(0, 10));
    memory.add(read.subarray(10));

    memory.freeSoon();

    assert.equal(read.length, 100);
    await setImmediate();
    assert.equal(read.length, 0);
  });

  it('is freed when the next was read, so that no more than one is held', () => {
    const memory = new ReadMemory();
    const read = Array.from({ length: 4 }, () => Buffer.allocUnsafeSlow(100));

    for (const chunk of read) memory.add(chunk);

    assert.deepEqual(
      read.map(({ length }) => length),
      [0, 0, 0, 100],
    );
  });

  it('that was read last before a pause is freed when more has come, not at the end', async () => {
    const memory = new ReadMemory();
    const read = Array.from({ length: 2 }, () => Buffer.allocUnsafeSlow(10));

    memory.add(read[0]!);
    memory.keep();
    assert.equal(read[0]!.length, 10);
    memory.add(read[1]!);
    assert.equal(read[0]!.length, 0);
    memory.keep();
    memory.freeSoon();

    await setImmediate();
    assert.equal(read[1]!.length, 10);
  });

  it('leaves the buffer of empty chunks alone', async () => {
    const memory = new ReadMemory();
    const empty = new ArrayBuffer(0);

    memory.add(Buffer.from(empty));
    memory.freeSoon();

    await setImmediate();
    assert.equal(empty.detached, false);
  });
});
