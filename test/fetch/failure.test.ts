/** What belongs to each word for a failure beside the code that gives it: its text, its metric, its tests. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FAILURES } from '../../src/fetch/failure.ts';
import { startPromgate } from '../support/promgate.ts';

const ROOT = new URL('../../', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, ROOT), 'utf8');
const words = [...FAILURES].sort();

describe('the words for failures', () => {
  it('stand in docs/app-pages.md, each with what happened and what to do, and no others do', () => {
    const [, part = ''] = read('docs/app-pages.md').split('### The words for failures\n');
    const table = part.slice(0, part.indexOf('\n## '));
    const rows = [...table.matchAll(/^\| (`.*?`) \| (.+?) \| (.+?) \|$/gm)];

    const documented = rows.flatMap(([, cell]) => [...cell!.matchAll(/`([^`]+)`/g)]);
    assert.deepEqual(documented.map((match) => match[1]).sort(), words);
    for (const [row] of rows) assert.match(row, /(?:\| [^|]*\w[^|]*){3}\|$/);
  });

  it('are explained where they are declared', () => {
    const [header = ''] = read('src/fetch/failure.ts').split('*/');
    const cells = [...header.matchAll(/^ \* \| ([a-z0-9, -]+) \| /gm)].slice(1); // below the head

    assert.deepEqual(cells.flatMap((match) => match[1]!.split(', ')).sort(), words);
  });

  it('are counted from 0 on, so that an alert on an increase sees the first one', async () => {
    await using promgate = await startPromgate({ apps: [] });

    const own = await promgate.text('/metrics');

    const series = own.matchAll(/^promgate_fetch_failures_total\{failure="(.*)"\} 0$/gm);
    assert.deepEqual([...series].map((match) => match[1]).sort(), words);
  });

  it('occur in tests', () => {
    const cwd = fileURLToPath(ROOT);
    const files = globSync('test/{discover,fetch,merge,serve,system}/**/*.test.ts', { cwd });
    const tests = files
      .filter((file) => !file.endsWith('failure.test.ts'))
      .map(read)
      .join('');

    for (const word of words) {
      assert.ok(new RegExp(`(?<![\\w-])${word}(?![\\w-])`).test(tests), `no test shows ${word}`);
    }
  });
});
