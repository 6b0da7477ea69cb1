import assert from 'node:assert/strict';
import { ESCAPINGS } from '../../src/exposition/escape.ts';
import type { FormatName } from '../../src/exposition/grammar.ts';
import { mergePages } from '../support/merged.ts';

const SPOKEN: readonly [name: string, lines: string, format: FormatName][] = [
  ['a plain name', 'promgate_bindings_age_seconds 1\n', 'text'],
  ['a name of Promfetcher', 'promfetch_metric_fetch_failed_total 1\n', 'text'],
  ['a name of its errors', 'promfetcher_scrape_error{error="x"} 1\n', 'text'],
  ['a quoted name', '{"promgate_x"} 1\n', 'text'],
  ['a name that escaping makes', '{"promgate.bindings"} 1\n', 'text'],
  ['a name with an escape', '{"promgate\\\\x"} 1\n', 'text'],
  ['a name beyond ASCII', '{"promgateé"} 1\n', 'text'],
  ['a counter', '# TYPE promgate_x counter\npromgate_x_total 1\n# EOF\n', 'openmetrics'],
  ['a suffix', '# TYPE promgate counter\npromgate_total 1\n# EOF\n', 'openmetrics'],
  ['a bucket', '# TYPE promgate histogram\npromgate_bucket{le="+Inf"} 1\n', 'text'],
];

describe('promgate’s name', () => {
  for (const [what, lines, format] of SPOKEN) {
    it(`is not spoken in by ${what}, for no reader, learnt or not`, async () => {
      for (const escaping of ESCAPINGS) {
        const page = { bytes: Buffer.from(lines), format };
        const { page: merged, dropped } = await mergePages([page, page, page], {
          escaping: { text: escaping, openmetrics: escaping },
        });

        assert.doesNotMatch(merged.toString(), /prom/);
        assert.equal(dropped, 3);
      }
    });
  }

  it('is not told of by HELP and TYPE, also of an exporter', async () => {
    const text = '# HELP promgate_x mine\n# TYPE promgate_x gauge\npromgate_x 1\na 1\n';
    const page = { bytes: Buffer.from(text), format: 'text', of: 'exporter' } as const;

    const { page: merged, dropped } = await mergePages([page]);

    assert.doesNotMatch(merged.toString(), /promgate/);
    assert.match(merged.toString(), /^a\{/m);
    assert.equal(dropped, 1);
  });

  it('is no name that only begins alike, nor up and scrape_…', async () => {
    const names = ['promgates_x', 'promgate2_x', 'promgate:x', 'promfetchers', 'up', 'scrape_x'];
    const text = names.map((name) => `${name} 1\n`).join('');

    const { page, dropped } = await mergePages([{ bytes: Buffer.from(text), format: 'text' }]);

    for (const name of names) assert.match(page.toString(), new RegExp(`^${name}\\{`, 'm'));
    assert.equal(dropped, 0);
  });
});
