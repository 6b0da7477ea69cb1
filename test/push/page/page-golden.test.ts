/**
 * One folder per case: `in-<tenant>.txt` is what a tenant has pushed (`_` stands for clients without
 * a token), `out.txt` the page as text with escaped names, `out-utf8.txt` with UTF-8 names, `out-values.txt` with
 * names escaped by value, `out.om` the page in OpenMetrics, `out.pb` the messages of protobuf,
 * `out.json` the page of the cf-workers gateway. A case has the outputs that it is about.
 *
 * `PROMGATE_UPDATE_GOLDEN=1` writes the outputs anew: read them before you commit them.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { PageStyle } from '../../../src/push/page/page-plan.ts';
import { writeJsonPage } from '../../../src/push/page/write-json.ts';
import { messagesOf } from '../read/protobuf-messages.ts';
import { PageLedger } from './page-ledger.ts';
import { newRenderer, pageOf } from './pages.ts';

const golden = new URL('golden/', import.meta.url);
const isUpdate = process.env['PROMGATE_UPDATE_GOLDEN'] === '1';

const STYLES: Readonly<Record<string, PageStyle>> = {
  'out.txt': { format: 'text', escaping: 'underscores' },
  'out-utf8.txt': { format: 'text', escaping: 'allow-utf-8' },
  'out-values.txt': { format: 'text', escaping: 'values' },
  'out.om': { format: 'openmetrics', escaping: 'allow-utf-8' },
  'out-underscores.om': { format: 'openmetrics', escaping: 'underscores' },
  'out.pb': { format: 'protobuf', escaping: 'allow-utf-8' },
};

describe('pages of pushed metrics', () => {
  for (const name of readdirSync(golden)) {
    const folder = new URL(`${name}/`, golden);
    const ledger = ledgerOf(folder);

    for (const [file, style] of Object.entries(STYLES)) {
      if (!isUpdate && !existsSync(new URL(file, folder))) continue;

      it(`golden: ${name}/${file}`, async () => {
        const page = await pageOf(newRenderer(ledger), style);
        const text =
          style.format === 'protobuf' ? `${messagesOf(page).join('\n')}\n` : page.toString();
        assertGolden(new URL(file, folder), text);
      });
    }

    if (!isUpdate && !existsSync(new URL('out.json', folder))) continue;

    it(`golden: ${name}/out.json`, async () => {
      const style: PageStyle = { format: 'text', escaping: 'allow-utf-8' };
      const renderer = newRenderer(ledger);
      const request = { tenant: undefined, style };
      const plan = await renderer.plan(request, () => undefined);
      const leftOut = await renderer.leftOutOf(plan, request, () => undefined);
      const json = [...writeJsonPage(plan, leftOut)].join('');
      assertGolden(
        new URL('out.json', folder),
        `${JSON.stringify(JSON.parse(json), undefined, 2)}\n`,
      );
    });
  }
});

function ledgerOf(folder: URL): PageLedger {
  const ledger = new PageLedger();
  for (const file of readdirSync(folder).filter((one) => one.startsWith('in-'))) {
    const tenant = file.replace(/^in-(.*)\.txt$/, '$1').replace('_', '');
    ledger.putPage(tenant, readFileSync(new URL(file, folder), 'utf8'));
  }
  return ledger;
}

function assertGolden(file: URL, text: string): void {
  if (isUpdate) writeFileSync(file, text);
  assert.equal(text, readFileSync(file, 'utf8'));
}
