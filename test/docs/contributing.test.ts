/** The recipes of docs/contributing.md and the README's table name places that there are. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PLACE = /`((?:src|broker|test|docs|bench|\.ci)\/[\w./-]*|[\w-]+\.(?:json|md))`/g;

/** Files and folders that a page names. */
function places(page: string): string[] {
  const text = readFileSync(path.join(ROOT, page), 'utf8');
  return [...new Set([...text.matchAll(PLACE)].map((match) => match[1]!))];
}

/** The pages describe the tree with `src/assemble/`: its files are looked for once it is there. */
function isToCome(place: string): boolean {
  return place.startsWith('src/assemble/') && !existsSync(path.join(ROOT, 'src/assemble'));
}

describe('docs/contributing.md', () => {
  for (const page of ['docs/contributing.md', 'README.md']) {
    it(`and its places: ${page} names none that is not there`, () => {
      const named = places(page);

      assert.ok(named.length > 10);
      assert.deepEqual(
        named.filter((place) => !existsSync(path.join(ROOT, place)) && !isToCome(place)),
        [],
      );
    });
  }
});

describe('README.md', () => {
  it('has a line for every folder of the code', () => {
    const named = places('README.md');
    const folders = readdirSync(path.join(ROOT, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `src/${name}/`);

    assert.deepEqual(
      folders.filter((folder) => !named.includes(folder)),
      [],
    );
  });
});
