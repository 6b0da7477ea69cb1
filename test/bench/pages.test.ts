/** The benchmark of pages with traits runs, and compares answers that are whole. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { measurePages } from '../../bench/pages.ts';
import { casesNamed, type PagesCase } from '../../bench/pages-cases.ts';
import { profilePages, profileTable } from '../../bench/profile.ts';

const SMALL: PagesCase = {
  ...{ name: 'small', apps: 2, instances: 3, sizeBytes: 2_000, readers: 2 },
  ...{ traits: { drift: 0.1, order: 'random' }, toReach: 1.4 },
};
const PACE = { rounds: 1, turnMs: 1, warmUpMs: 1 };

describe('the benchmark of pages', () => {
  it('reads several apps from promgate and from the floor', async () => {
    const { answerBytes, promgate, floor, reference, cpuRatio } = await measurePages(SMALL, PACE);

    assert.ok(answerBytes > 3 * SMALL.sizeBytes, `an answer has ${answerBytes} bytes`);
    assert.ok(promgate.p50Ms > 0 && floor.p50Ms > 0);
    assert.equal(reference, undefined);
    assert.equal(typeof cpuRatio, 'number');
  });

  it('reads the pages of two bound paths, and others that repeat nothing', async () => {
    const { answerBytes, reference } = await measurePages(
      {
        ...{ ...SMALL, traits: {}, second: {} },
        reference: { traits: {}, second: { names: 'client' } },
      },
      PACE,
    );

    assert.ok(answerBytes > 3 * SMALL.sizeBytes, `an answer has ${answerBytes} bytes`);
    assert.ok(reference && reference.p50Ms > 0);
  });

  it('reads compressed pages of a single instance, beside the cheaper floor', async () => {
    const { promgate, floor } = await measurePages(
      { ...SMALL, apps: 1, instances: 1, gzip: true },
      PACE,
      'dispatch',
    );

    assert.ok(promgate.p50Ms > 0 && floor.p50Ms > 0);
  });

  it('profiles a case by stage', async () => {
    const profile = await profilePages(SMALL, { warmUpMs: 1, forMs: 1 });
    const table = profileTable(profile);
    await rm(profile.file);

    assert.ok(profile.requests > 0);
    assert.match(table, /^scanning and indexing +[\d.]+ % +[\d.]+ ms$/m);
    assert.match(table, /^all +100\.0 % /m);
  });

  it('has the cases by name, or by the beginning of their names', () => {
    assert.deepEqual(
      casesNamed('100-same').map(({ name }) => name),
      ['100-same'],
    );
    assert.deepEqual(
      casesNamed('one-2k').map(({ name }) => name),
      ['one-2k-1', 'one-2k-16'],
    );
    assert.throws(() => casesNamed('none'), /no case none; there are 10-same /);
  });
});
