import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { configurationReference } from '../../src/config/reference.ts';
import { schema } from '../../src/config/schema.ts';
import { namedKeys, variableName } from '../../src/config/text.ts';

const FILE = new URL('../../docs/configuration.md', import.meta.url);

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

  it('gives every key a variable of its own', () => {
    const names = namedKeys(schema).map(({ path }) => variableName(path));
    assert.equal(new Set(names).size, names.length);
  });
});
