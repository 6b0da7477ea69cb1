/**
 * One folder per case: `in-<n>.txt` (text) or `in-<n>.om` (OpenMetrics) are the pages of the
 * instances, `out.txt` the merged page, `options.json` what differs from the default options.
 * `promfetcher.txt`, where there is one, is what Promfetcher answered: the same series.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { MergeOptions } from '../../src/merge/merge.ts';
import { mergePages } from '../support/merged.ts';
import { seriesOf } from '../support/text-series.ts';

const golden = new URL('golden/', import.meta.url);

describe('merged pages', () => {
  for (const name of readdirSync(golden)) {
    const folder = new URL(`${name}/`, golden);
    const read = (file: string): Buffer => readFileSync(new URL(file, folder));

    it(`golden: ${name}`, async () => {
      const inputs = readdirSync(folder).filter((file) => file.startsWith('in-'));
      const pages = inputs.sort().map((file) => {
        const format = file.endsWith('.om') ? 'openmetrics' : 'text';
        return { bytes: read(file), format } as const;
      });
      const { page } = await mergePages(pages, optionsOf(folder));

      assert.equal(page.toString(), read('out.txt').toString());
      if (existsSync(new URL('promfetcher.txt', folder))) {
        assert.deepEqual(seriesOf(page.toString()), seriesOf(read('promfetcher.txt').toString()));
      }
    });
  }
});

function optionsOf(folder: URL): Partial<MergeOptions> {
  const file = new URL('options.json', folder);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
}
