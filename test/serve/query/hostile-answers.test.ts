/** Answers of servers below that are no answers of a Prometheus, or larger than any. */
import assert from 'node:assert/strict';
import { memoryFederation } from '../../support/memory-federation.ts';
import { serveQuery } from './query-site.ts';

/** Lists within lists. */
function deep(levels: number): unknown {
  let value: unknown = [];
  for (let level = 1; level < levels; level++) value = [value];
  return value;
}

describe('an answer of a server below', () => {
  it('may have more dropped targets than a call takes arguments', async () => {
    const droppedTargets = Array.from({ length: 300_000 }, () => ({ discoveredLabels: {} }));
    const targets = { activeTargets: [], droppedTargets };
    const federation = memoryFederation({ groups: [{ name: 'a', answers: { targets } }] });
    await using site = await serveQuery({ federation });

    const { status, body } = await site.get('targets');

    assert.deepEqual(site.mistakes, []);
    assert.equal(status, 200);
    assert.equal((body.data as unknown as typeof targets).droppedTargets.length, 300_000);
  });

  const holding = (more: unknown) => ({
    targets: { activeTargets: [{ labels: {}, more }], droppedTargets: [] },
    rules: { groups: [{ name: 'g', file: 'f', rules: [{ name: 'r', more }] }] },
    alerts: { alerts: [{ labels: {}, more }] },
    query_exemplars: [{ seriesLabels: {}, exemplars: [{ labels: {}, more }] }],
    'targets/metadata': [{ target: {}, more }],
  });
  const parameters = { query: 'm', start: '0', end: '9' };

  for (const path of Object.keys(holding([]))) {
    it(`is refused by ${path} if it is nested too deep for JSON`, async () => {
      const answers = holding(deep(200_000));
      const federation = memoryFederation({ groups: [{ name: 'a', answers }] });
      await using site = await serveQuery({ federation });

      const { status, body } = await site.get(path, parameters);

      assert.deepEqual(site.mistakes, []);
      assert.equal(status, 422);
      assert.match(body.error ?? '', /^group a: its answer holds values that are nested/);
    });

    it(`is taken by ${path} if it is nested as deep as no Prometheus does`, async () => {
      const federation = memoryFederation({ groups: [{ name: 'a', answers: holding(deep(50)) }] });
      await using site = await serveQuery({ federation });

      assert.equal((await site.get(path, parameters)).status, 200);
    });
  }
});
