import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startFile } from '../../src/discover/file.ts';
import { RouteTable } from '../../src/discover/route-table.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { routesJson } from '../support/foundation.ts';
import { app, listing } from './endpoints.ts';
import { seen } from './seen.ts';

const one = JSON.stringify(routesJson([app('one', ['10.0.0.1:1'])]));
const two = JSON.stringify(routesJson([app('two', ['10.0.0.2:1'])]));
const LONG_AGO = new Date('2020-01-01');

/** A folder with `routes.json`, and a source that looks at it when `look` is called. */
async function start(content: string | undefined, maxBodyBytes?: number) {
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-file-'));
  parts.defer(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'routes.json');
  if (content !== undefined) await writeFile(file, content);
  const table = new RouteTable();
  const clock = fakeClock();
  const told = seen();
  const source = parts.use(startFile({ path: file, clock, maxBodyBytes }, table, told.observers));
  const asleep = (): Promise<true> =>
    eventually('the look to end', () => (clock.sleeping.length > 0 ? true : undefined));
  await asleep();
  const owned = parts.move();
  return {
    folder,
    file,
    table,
    told,
    source,
    clock,
    routes: () => Object.keys(listing(table)),
    async look() {
      await clock.advance(1000);
      await asleep();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

describe('startFile', () => {
  it('reads the file at once, and again when it is written to', async () => {
    await using test = await start(one);
    assert.deepEqual(test.routes(), ['one.apps.example.com']);
    assert.equal(test.source.ready, true);

    await writeFile(test.file, two);
    await test.look();

    assert.deepEqual(test.routes(), ['two.apps.example.com']);
    assert.deepEqual(test.told.polls, ['new', 'new']);
  });

  it('notices a file that was replaced as a whole', async () => {
    await using test = await start(one);

    await writeFile(`${test.file}.new`, two);
    await utimes(`${test.file}.new`, LONG_AGO, LONG_AGO);
    await rename(`${test.file}.new`, test.file);
    await test.look();

    assert.deepEqual(test.routes(), ['two.apps.example.com']);
  });

  it('notices a link that leads elsewhere, as a mounted ConfigMap does', async () => {
    await using test = await start(one);
    for (const [name, content] of [
      ['a.json', one],
      ['b.json', two],
    ] as const) {
      await writeFile(path.join(test.folder, name), content);
    }
    const link = path.join(test.folder, 'link.json');
    await symlink('a.json', link);
    const table = new RouteTable();
    const clock = fakeClock();
    await using _source = startFile({ path: link, clock }, table);
    await eventually('the first table', () => table.sizes().routes || undefined);

    await symlink('b.json', `${link}.new`);
    await rename(`${link}.new`, link);
    await eventually('the look to end', () => clock.sleeping[0]);
    await clock.advance(1000);

    await eventually('the other table', () => listing(table)['two.apps.example.com']);
  });

  it('notices a second change that leaves size and time as they were', async () => {
    await using test = await start(one);
    const now = new Date();
    await utimes(test.file, now, now);
    await test.look();

    await writeFile(test.file, one.replaceAll('10.0.0.1', '10.0.0.7'));
    await utimes(test.file, now, now);
    await test.look();

    assert.deepEqual(listing(test.table), { 'one.apps.example.com': ['10.0.0.7:1'] });
  });

  it('reads a file again while it is so new that its times may hide another change', async () => {
    await using test = await start(one);
    await writeFile(test.file, 'bad');
    const inAnHour = new Date(Date.now() + 3_600_000);
    await utimes(test.file, inAnHour, inAnHour);
    await test.look();
    await test.look();

    assert.deepEqual(test.told.polls, ['new', 'json', 'json']);
  });

  it('does not read a file that is as it was', async () => {
    await using test = await start(one);
    await utimes(test.file, LONG_AGO, LONG_AGO);
    await test.look();
    await test.look();

    assert.deepEqual(test.told.polls, ['new', 'same', 'same']);
    assert.deepEqual(test.told.states, ['works']);
  });

  it('keeps the last good table while the file is bad, half written or away', async () => {
    await using test = await start(one);

    await truncate(test.file, one.length - 5);
    await test.look();
    await writeFile(test.file, '[]');
    await test.look();
    await rm(test.file);
    await test.look();
    assert.deepEqual(test.routes(), ['one.apps.example.com']);
    assert.deepEqual(test.told.states, ['works', 'json']);
    await writeFile(test.file, two);
    await test.look();

    assert.deepEqual(test.routes(), ['two.apps.example.com']);
    assert.deepEqual(test.told.polls, ['new', 'json', 'shape', 'unreachable', 'new']);
    assert.deepEqual(test.told.states, ['works', 'json', 'works']);
  });

  it('does not take an old bad file for a good one', async () => {
    await using test = await start(one);
    await writeFile(test.file, 'bad');
    await utimes(test.file, LONG_AGO, LONG_AGO);
    await test.look();
    await test.look();
    await test.look();

    assert.deepEqual(test.told.states, ['works', 'json']);
  });

  it('takes a file that comes back as it was', async () => {
    await using test = await start(one);
    await utimes(test.file, LONG_AGO, LONG_AGO);
    await test.look();
    await rename(test.file, `${test.file}.away`);
    await test.look();
    await rename(`${test.file}.away`, test.file);
    await test.look();

    assert.deepEqual(test.told.states, ['works', 'unreachable', 'works']);
  });

  it('is not ready without a file, and waits for one', async () => {
    await using test = await start(undefined);
    assert.equal(test.source.ready, false);
    assert.deepEqual(test.told.states, ['unreachable']);
    assert.match(
      test.told.errors[0]?.message ?? '',
      /^cannot read .*routes.*: ENOENT: no such file/,
    );

    await writeFile(test.file, one);
    await test.look();

    assert.equal(test.source.ready, true);
  });

  it('refuses a file above its bound', async () => {
    await using test = await start(one, 100);

    assert.deepEqual(test.told.polls, ['too-large']);
  });
});
