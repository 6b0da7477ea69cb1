import assert from 'node:assert/strict';
import fc from 'fast-check';
import { AppDirectory, type ListedApp, searchText } from '../../../src/serve/status/directory.ts';
import { parseSearch, searchApps } from '../../../src/serve/status/search.ts';
import { sortInTurns } from '../../../src/serve/status/sort-in-turns.ts';
import { instance } from '../instances.ts';

const word = fc.constantFrom('a', 'b', 'ab', 'ba', 'A', 'c-1');
const identity = fc
  .record({
    organizationName: word,
    spaceName: word,
    appName: word,
    space: fc.constantFrom('s', 't'),
  })
  .map(({ space, ...names }) => ({ ...names, organizationId: '', spaceId: space }));

function listed(names: readonly Omit<ListedApp, 'appId' | 'text'>[]): ListedApp[] {
  return names.map((one, at) => {
    const app = { ...one, appId: `app-${at}` };
    return { ...app, text: searchText(app) };
  });
}

describe('the search for apps', () => {
  it('gives on its pages, one after the other, exactly the apps that match', async () => {
    const given = fc.record({
      names: fc.array(identity, { maxLength: 60 }),
      terms: fc.array(word, { maxLength: 3 }),
      limit: fc.integer({ min: 1, max: 10 }),
      state: fc.constantFrom('all', 'failing', 'up', 'unasked'),
      isTenant: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(given, async ({ names, terms, limit, state, isTenant }) => {
        const apps = listed(names);
        const scope = isTenant ? { appId: undefined, spaceId: 's' } : 'all';
        const downOf = (appId: string): number | undefined =>
          [undefined, 0, 2][Number(appId.slice(4)) % 3];
        const stateOf = (appId: string): string =>
          ['unasked', 'up', 'failing'][Number(appId.slice(4)) % 3]!; // of three
        const q = encodeURIComponent(terms.join(' '));
        const matching = apps
          .filter(({ spaceId }) => !isTenant || spaceId === 's')
          .filter(({ text }) => terms.every((term) => text.includes(term.toLowerCase())));

        const found: ListedApp[] = [];
        for (let offset = 0; offset <= apps.length; offset += limit) {
          const search = parseSearch(`q=${q}&state=${state}&offset=${offset}&limit=${limit}`);
          const page = await searchApps({ apps, scope, downOf }, search);
          assert.ok(page.apps.length <= limit);
          assert.equal(page.counts.all, matching.length);
          found.push(...page.apps);
        }

        assert.deepEqual(
          found,
          matching.filter(({ appId }) => state === 'all' || stateOf(appId) === state),
        );
      }),
    );
  });

  it('refuses what it cannot bound', () => {
    for (const query of [
      `q=${'x'.repeat(201)}`,
      'q=a+b+c+d+e+f+g+h+i',
      'limit=101',
      'offset=-1',
      'limit=x',
      'state=odd',
    ]) {
      assert.throws(() => parseSearch(query), { code: 'bad-request' }, query);
    }
  });
});

describe('sorting in turns', () => {
  it('gives what a sort gives', async () => {
    const items = fc.array(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.integer()), {
      maxLength: 3_000,
      size: 'max',
    });
    await fc.assert(
      fc.asyncProperty(items, async (given) => {
        const compare = ([a]: readonly [number, number], [b]: readonly [number, number]): number =>
          a - b;

        assert.deepEqual(await sortInTurns(given, compare, 1), [...given].sort(compare));
      }),
      { numRuns: 20 },
    );
  });
});

describe('the directory of apps', () => {
  it('is made again only when the table has changed, and not too often', async () => {
    let nowMs = 0;
    let walks = 0;
    const apps = [[instance('shop', '0', '10.0.0.1:80')]];
    const table = {
      version: 1,
      apps: () => {
        walks += 1;
        return apps;
      },
    };
    const directory = new AppDirectory({ table, onFailure: assert.ifError, now: () => nowMs });
    const names = async (): Promise<string[]> =>
      (await directory.apps()).map(({ appName }) => appName);

    assert.deepEqual(await names(), ['shop']);
    apps.unshift([instance('mail', '0', '10.0.0.2:80')]);
    table.version = 2;
    assert.deepEqual(await names(), ['shop']);
    nowMs += 10_000;
    await names();
    await directory.settled();
    assert.deepEqual(await names(), ['mail', 'shop']);
    await names();
    assert.equal(walks, 2);
  });

  it('answers with the list before when a new one fails, tells of the failure, and tries again', async () => {
    let nowMs = 0;
    let fails: Error | undefined = new Error('a route without an app');
    const failures: unknown[] = [];
    const table = {
      version: 1,
      apps: () => {
        if (fails) throw fails;
        return [[instance('shop', '0', '10.0.0.1:80')]];
      },
    };
    const onFailure = (error: unknown): void => void failures.push(error);
    const directory = new AppDirectory({ table, onFailure, now: () => nowMs });
    const readLater = async (): Promise<number> => {
      nowMs += 10_000;
      table.version += 1;
      const apps = await directory.apps();
      await directory.settled();
      return apps.length;
    };

    await assert.rejects(directory.apps(), fails);
    await assert.rejects(directory.settled().then(readLater), fails, 'there is no list before');
    const inBetween = [...failures];
    fails = undefined;
    const first = await readLater();
    fails = new Error('another one');
    const second = await readLater();

    assert.deepEqual([first, second], [1, 1]);
    assert.deepEqual([inBetween, failures], [[], [fails]]);
  });
});
