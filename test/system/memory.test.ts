/** The memory of promgate after a peak. */
import assert from 'node:assert/strict';
import { gzipBomb, page } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import type { PromgateProcess } from '../support/promgate-process.ts';
import { startScene } from '../support/scene.ts';

/** A minute is the promise. */
const FALLS = { timeoutMs: 60_000, pauseMs: 500 };

async function settledBytes(promgate: PromgateProcess, path: string): Promise<number> {
  for (let i = 0; i < 20; i++) await promgate.text(path);
  await promgate.text('/metrics');
  return promgate.residentMemoryBytes();
}

async function untilFallen(promgate: PromgateProcess, before: number): Promise<void> {
  assert.ok(promgate.peakMemoryBytes() > before * 2, 'there was no peak');
  await eventually(
    'memory to be given back',
    () => {
      return promgate.residentMemoryBytes() < before * 1.5 || undefined;
    },
    FALLS,
  );
}

describe('the memory of promgate', () => {
  it('is given back after 90 gzip bombs', async () => {
    const bomb = await gzipBomb(200_000_000);
    const apps = {
      bombs: { answers: Array.from({ length: 90 }, () => bomb) },
      small: { answers: [page('a 1\n')] },
    };
    await using scene = await startScene(apps, { scrape: { max_bytes: '512MiB' } });
    const { promgate } = scene;
    const before = await settledBytes(promgate, scene.apps.small.path);

    const text = await promgate.text(scene.apps.bombs.path);

    assert.match(text, /error="too-large"/);
    await untilFallen(promgate, before);
  }).timeout(180_000);
});
