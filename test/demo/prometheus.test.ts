import assert from 'node:assert/strict';
import { startDemo } from '../../src/demo/demo.ts';

describe('the Prometheus servers of the demo', () => {
  it('lose scrapes, and promgate answers as if none were lost', async () => {
    let guide = '';
    await using demo = await startDemo({
      flags: [{ key: 'listen.port', text: '0', name: '--port' }],
      memoryBytes: 2 ** 30,
      print: (text) => {
        guide += text;
      },
      now: () => 1_700_000_000,
    });
    const ask = async (path: string) => {
      const body = (await (await fetch(demo.url + path)).json()) as {
        readonly data: { readonly result: readonly { readonly value: readonly unknown[] }[] };
        readonly infos?: readonly string[];
      };
      return body;
    };

    const path = /(\/api\/v1\/query\?query=\S+)/.exec(guide)?.[1] ?? '';
    const rate = await ask(`${encodeURI(path)}&time=1700000000`);
    const counted = await ask(
      `/api/v1/query?query=${encodeURIComponent('sum(count_over_time(demo_orders_total[10m]))')}&time=1700000000`,
    );
    const named = await ask('/api/v1/label/shop/values');

    assert.ok(Math.abs(Number(rate.data.result[0]?.value[1]) - 5.75) < 0.05);
    assert.equal(counted.data.result[0]?.value[1], '120'); // three series, each 15 s
    assert.equal(rate.infos, undefined);
    assert.deepEqual(named.data, ['bicycles', 'books', 'flowers']);
  });
});
