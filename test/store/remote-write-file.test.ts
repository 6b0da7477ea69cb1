import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { BatchStore } from '../../src/push/send/remote-write-store.ts';
import { openRemoteWriteFile } from '../../src/store/remote-write-file.ts';
import { batchStoreContract } from '../push/send/batch-store.contract.ts';

const unexpected = (error: unknown): void => {
  throw error;
};

async function folder(): Promise<{ readonly file: string } & AsyncDisposable> {
  const place = await mkdtemp(path.join(tmpdir(), 'promgate-remote-write-'));
  return {
    file: path.join(place, 'queue'),
    [Symbol.asyncDispose]: () => rm(place, { recursive: true }),
  };
}

const BATCH = { lane: 1, lanes: 4, atMs: 5000, samples: 3, bytes: Buffer.from('batch') };

describe('batches of remote write in a file', () => {
  batchStoreContract(async (): Promise<BatchStore> => {
    const place = await folder();
    const store = openRemoteWriteFile(place.file, unexpected);
    const dispose = store[Symbol.asyncDispose].bind(store);
    return Object.assign(store, {
      [Symbol.asyncDispose]: async () => {
        await dispose();
        await place[Symbol.asyncDispose]();
      },
    });
  });

  it('are there after a restart, with the last id, time and number of lanes', async () => {
    await using place = await folder();
    {
      await using store = openRemoteWriteFile(place.file, unexpected);
      await store.append([
        { ...BATCH, id: 7 },
        { ...BATCH, id: 8, atMs: 6000 },
      ]);
    }
    await using store = openRemoteWriteFile(place.file, unexpected);

    assert.deepEqual(store.last, { id: 8, atMs: 6000, lanes: 4 });
    assert.deepEqual(store.level, { batches: 2, bytes: 2 * (5 + 200), oldestMs: 5000 });
    assert.deepEqual(await store.first(1), { ...BATCH, id: 7 });
  });

  it('are there after a process that did not end in an orderly way', async () => {
    await using place = await folder();
    const lost = openRemoteWriteFile(place.file, unexpected); // still open
    await lost.append([{ ...BATCH, id: 7 }]);
    await using store = openRemoteWriteFile(place.file, unexpected);

    assert.deepEqual(await store.first(1), { ...BATCH, id: 7 });
    await lost[Symbol.asyncDispose]();
  });

  it('are begun anew when the file is damaged', async () => {
    await using place = await folder();
    await writeFile(place.file, 'no database '.repeat(1000));
    const errors: unknown[] = [];
    await using store = openRemoteWriteFile(place.file, (error) => errors.push(error));
    await store.append([{ ...BATCH, id: 1 }]);

    assert.equal(errors.length, 1);
    assert.deepEqual(await store.first(1), { ...BATCH, id: 1 });
  });
});
