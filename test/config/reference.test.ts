import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { configurationReference } from '../../src/config/reference.ts';
import { schema } from '../../src/config/schema.ts';
import { namedKeys, variableName } from '../../src/config/text.ts';

const SRC = new URL('../../src/', import.meta.url);
const FILE = new URL('../../docs/configuration.md', import.meta.url);

/** Where the values of keys are given the names that the program uses. */
const SOURCES = globSync('{config.ts,config/*.ts}', { cwd: SRC }).map((file) => new URL(file, SRC));

describe('docs/configuration.md', () => {
  it('is what the schema says; PROMGATE_UPDATE_DOCS=1 writes it', async () => {
    const reference = configurationReference();
    if (process.env['PROMGATE_UPDATE_DOCS'] === '1') await writeFile(FILE, reference);

    assert.equal(await readFile(FILE, 'utf8'), reference);
  });

  it('has a row and a description for every key', () => {
    const reference = configurationReference();
    for (const { path } of namedKeys(schema)) {
      assert.ok(reference.includes(`\`${variableName(path)}\``), path.join('.'));
    }
    assert.doesNotMatch(reference, /\| *\|/);
  });

  it('names no key that the program does not read', () => {
    const code = SOURCES.map((file) =>
      readFileSync(file, 'utf8').replaceAll(/'[^'\n]*'/g, ''),
    ).join();
    for (const { path } of namedKeys(schema)) {
      const key = path.at(-1)!; // a key has a name
      assert.match(
        code,
        new RegExp(`\\.${key}\\b|\\{[^}]*\\b${key}\\b[^}]*\\} = `),
        path.join('.'),
      );
    }
  });

  it('gives every key a variable of its own', () => {
    const names = namedKeys(schema).map(({ path }) => variableName(path));
    assert.equal(new Set(names).size, names.length);
  });
});
