import assert from 'node:assert/strict';
import { startPrometheus } from './prometheus.ts';
import { startQueryServer } from './query-server.ts';
import { requireProgram } from './require-program.ts';

const AT_MS = 1_700_000_000_000;
const series = [
  {
    labels: [
      ['__name__', 'up'],
      ['job', 'a'],
    ],
    timesMs: Float64Array.from({ length: 300 }, (_, at) => AT_MS + at * 15_000),
    values: Float64Array.from({ length: 300 }, (_, at) => at * 1.5),
  },
] as const;

describe('the fake Prometheus', () => {
  it('answers the query API', async () => {
    await using server = await startQueryServer({ series });
    const ask = async (path: string): Promise<unknown> =>
      ((await (await fetch(`${server.url}/api/v1/${path}`)).json()) as { data: unknown }).data;

    assert.deepEqual(await ask(`query?query=up&time=${AT_MS / 1000 + 15}`), {
      resultType: 'vector',
      result: [{ metric: { __name__: 'up', job: 'a' }, value: [AT_MS / 1000 + 15, '1.5'] }],
    });
    assert.deepEqual(await ask('label/job/values'), ['a']);
    assert.deepEqual(await ask('series?match[]=up'), [{ __name__: 'up', job: 'a' }]);
  });

  for (const chunks of ['old', false] as const) {
    it(`is read by a real Prometheus: ${chunks === 'old' ? 'chunks' : 'samples'}`, async function () {
      const program = requireProgram(this, 'prometheus');
      await using server = await startQueryServer({ series, chunks });
      const read = { url: `${server.url}/api/v1/read`, read_recent: true };
      await using prometheus = await startPrometheus({ program, config: { remote_read: [read] } });

      const found = await prometheus.query('sum_over_time(up[2h])', AT_MS / 1000 + 4_500);

      assert.equal(found[0]?.value, String((1.5 * 299 * 300) / 2));
      assert.equal((await server.received('read', 1)).length, 1);
    });
  }
});
