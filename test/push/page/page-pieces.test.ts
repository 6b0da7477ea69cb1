import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { PageStyle } from '../../../src/push/page/page-plan.ts';
import { mergePages } from '../../support/merged.ts';
import { seriesOf } from '../../support/text-series.ts';
import { messagesOf } from '../read/protobuf-messages.ts';
import { apply, changes, doubles, ledgerOf } from './arbitrary-ledgers.ts';
import { PageLedger } from './page-ledger.ts';
import { newRenderer, pageOf, planOf } from './pages.ts';

const TEXT: PageStyle = { format: 'text', escaping: 'underscores' };
const OPENMETRICS: PageStyle = { format: 'openmetrics', escaping: 'underscores' };
const PROTOBUF: PageStyle = { format: 'protobuf', escaping: 'allow-utf-8' };
const STYLES = [TEXT, OPENMETRICS, PROTOBUF];

/** What promgate's own merge makes of a page; it refuses what Prometheus refuses. */
async function merged(page: Buffer, format: 'text' | 'openmetrics') {
  return mergePages([{ bytes: page, format, labels: [] }], { preferOpenMetrics: true });
}

describe('PageRenderer', () => {
  for (const format of ['text', 'openmetrics'] as const) {
    const style: PageStyle = { format, escaping: 'underscores' };

    it(`renders pages of ${format} that promgate's own parser takes, each series once`, () =>
      fc.assert(
        fc.asyncProperty(fc.array(changes, { maxLength: 30 }), async (all) => {
          const page = await pageOf(newRenderer(ledgerOf(all)), style);
          const { refused, duplicates, conflicts } = await merged(page, format);

          assert.deepEqual(
            { refused, duplicates, conflicts },
            { refused: [], duplicates: 0, conflicts: 0 },
            page.toString(),
          );
          const types = page.toString().match(/^# TYPE \S+/gm) ?? [];
          assert.equal(new Set(types).size, types.length, page.toString());
          const series = seriesOf(page.toString())
            .filter((line) => !line.startsWith('#'))
            .map((line) => line.slice(0, line.lastIndexOf(' ')));
          assert.equal(new Set(series).size, series.length, page.toString());
        }),
        { numRuns: 300 },
      ));
  }

  it('prints values that read back to the same doubles', () =>
    fc.assert(
      fc.asyncProperty(fc.array(doubles, { minLength: 1, maxLength: 20 }), async (values) => {
        const ledger = new PageLedger();
        const family = ledger.family('', 'g');
        family.type = 'gauge';
        values.forEach((value, at) => {
          ledger.put(family, `at="${at}"`, { bounds: [], values: [value], native: undefined });
        });

        const page = (await pageOf(newRenderer(ledger), TEXT)).toString();

        const printed = page.trimEnd().split('\n').slice(1);
        const read = printed.map((line) => Number(line.split(' ')[1]!.replace('Inf', 'Infinity'))); // a value follows each name
        assert.deepEqual(read, values);
      }),
    ));

  it('prints no metric twice and none never, whatever blocks they lie in', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(changes, { maxLength: 40 }),
        fc.constantFrom(...STYLES),
        async (all, style) => {
          const small = new PageLedger(1);
          const large = new PageLedger(1_000);
          for (const change of all) {
            apply(small, change);
            apply(large, change);
          }
          const [one, other] = await Promise.all(
            [small, large].map((ledger) => pageOf(newRenderer(ledger), style)),
          );
          assert.deepEqual(one, other);
        },
      ),
    ));

  it('renders the same page with what it has kept as without', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(changes, { maxLength: 12 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(...STYLES),
        fc.constantFrom(0, 3_000, 1_000_000),
        async (rounds, style, maxKeptBytes) => {
          const ledger = new PageLedger(3);
          const renderer = newRenderer(ledger, maxKeptBytes);
          for (const round of rounds) {
            for (const change of round) apply(ledger, change);
            for (const tenant of [undefined, 't1']) {
              const fresh = await pageOf(newRenderer(ledger), style, tenant);
              assert.deepEqual(await pageOf(renderer, style, tenant), fresh);
            }
            assert.ok(renderer.keptBytes <= maxKeptBytes);
          }
        },
      ),
    ));

  it('renders only the blocks that have changed', async () => {
    const ledger = new PageLedger(64);
    const family = ledger.family('', 'c_total');
    family.type = 'counter';
    let reads = 0;
    const run = {
      bounds: [],
      native: undefined,
      get values() {
        reads++;
        return [1];
      },
    };
    for (let at = 0; at < 10_000; at++) ledger.put(family, `at="${at}"`, run);
    const renderer = newRenderer(ledger, 10_000_000);
    await pageOf(renderer, TEXT);
    reads = 0;

    await pageOf(renderer, TEXT);
    const unchanged = reads;
    ledger.put(family, 'at="5000"', run);
    await pageOf(renderer, TEXT);

    assert.deepEqual([unchanged, reads], [0, 64]);
  });

  it('lets other work run while it renders', async () => {
    const ledger = new PageLedger(64);
    const family = ledger.family('', 'c_total');
    const run = { bounds: [], values: [1], native: undefined };
    for (let at = 0; at < 10_000; at++) ledger.put(family, `at="${at}"`, run);
    let turns = 0;

    const pieces = newRenderer(ledger).pieces({ tenant: undefined, style: TEXT }, () => {
      turns++;
      return undefined;
    });
    for await (const { plain } of pieces) assert.ok(plain.length < 200_000);

    assert.ok(turns > 8, `${turns}`);
  });

  it('never tears a metric that changes while the page is rendered', async () => {
    const ledger = new PageLedger(8);
    const family = ledger.family('', 'h');
    family.type = 'histogram';
    const put = (value: number): void => {
      for (let at = 0; at < 500; at++) {
        ledger.put(family, `at="${at}"`, {
          ...{ bounds: [1], values: [value, value, value], native: undefined },
        });
      }
    };
    put(0);
    let round = 0;
    const renderer = newRenderer(ledger, 1_000_000);

    const pieces = renderer.pieces({ tenant: undefined, style: TEXT }, () => {
      put(++round);
      return undefined;
    });
    const page = Buffer.concat((await Array.fromAsync(pieces)).map(({ plain }) => plain));

    const values = Map.groupBy(
      page.toString().trimEnd().split('\n').slice(1),
      (line) => /at="\d+"/.exec(line)?.[0],
    );
    assert.equal(values.size, 500);
    for (const lines of values.values()) {
      assert.equal(new Set(lines.map((line) => line.split(' ')[1])).size, 1, lines.join('\n'));
    }
    assert.ok(round > 1);
  });

  it('leaves out what goes while the page is rendered', async () => {
    const ledger = new PageLedger(8);
    const family = ledger.family('', 'g');
    const run = { bounds: [], values: [1], native: undefined };
    for (let at = 0; at < 2_000; at++) ledger.put(family, `at="${at}"`, run);
    const renderer = newRenderer(ledger, 1_000_000);
    await pageOf(renderer, TEXT);

    const pieces = renderer.pieces({ tenant: undefined, style: TEXT }, () => {
      for (const block of family.blocks.splice(0)) block.metrics.length = 0;
      return undefined;
    });
    const page = Buffer.concat((await Array.fromAsync(pieces)).map(({ plain }) => plain));

    const samples = page.toString().split('\n').length - 2;
    assert.ok(samples > 0 && samples < 2_000, `${samples}`);
  });

  it('counts the families that tenants have of several types', async () => {
    const ledger = new PageLedger();
    ledger.putPage(
      't1',
      '# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# TYPE h histogram\nh_bucket{le="+Inf"} 1\nh_count 1\n',
    );
    ledger.putPage(
      't2',
      '# TYPE a counter\na{x="1"} 1\n# TYPE b gauge\nb{x="1"} 1\n# TYPE h_count gauge\nh_count{x="1"} 1\n',
    );

    assert.equal((await planOf(ledger, TEXT)).conflicts, 2);
  });

  it('prints a native histogram as it was pushed in protobuf, its classic part elsewhere', async () => {
    const ledger = new PageLedger();
    const family = ledger.family('', 'h');
    family.type = 'histogram';
    const native = Buffer.from([0x08, 3, 0x28, 6]); // sample_count 3, schema 3
    ledger.put(family, 'a="b"', { bounds: [], values: [3, 1.5], native });

    const messages = messagesOf(await pageOf(newRenderer(ledger), PROTOBUF));
    const text = seriesOf((await pageOf(newRenderer(ledger), TEXT)).toString());

    assert.deepEqual(
      messages.map((line) => JSON.parse(line)),
      [
        {
          ...{ name: 'h', type: 4 },
          metric: [{ label: [{ name: 'a', value: 'b' }], histogram: { count: 3, schema: 6 } }],
        },
      ],
    );
    assert.deepEqual(text, [
      '# TYPE h histogram',
      'h_bucket{a="b",le="+Inf"} 3',
      'h_count{a="b"} 3',
      'h_sum{a="b"} 1.5',
    ]);
  });

  it('prints large families of protobuf as several messages of one name', async () => {
    const ledger = new PageLedger();
    const family = ledger.family('', 'g');
    const run = { bounds: [], values: [1], native: undefined };
    for (let at = 0; at < 20_000; at++) ledger.put(family, `at="${at}"`, run);
    const renderer = newRenderer(ledger, 10_000_000);

    const page = await pageOf(renderer, PROTOBUF);
    ledger.put(family, 'at="77"', run);
    const again = await pageOf(renderer, PROTOBUF);

    const messages = messagesOf(page).map((line) => JSON.parse(line));
    assert.deepEqual(
      messages.map(({ name }) => name),
      ['g', 'g', 'g'],
    );
    assert.equal(messages.flatMap(({ metric }) => metric).length, 20_000);
    assert.deepEqual(again, page);
  });
});
