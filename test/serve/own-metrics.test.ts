import assert from 'node:assert/strict';
import { ownMetrics } from '../../src/serve/own-metrics.ts';
import { serveFrame } from './frame-server.ts';

describe('GET /metrics', () => {
  it('prints text format 0.0.4 whatever is accepted', async () => {
    const handle = ownMetrics({ print: async () => 'promgate_apps 1\n' });
    await using site = await serveFrame({
      routes: [{ name: 'metrics', path: '/metrics', handle }],
    });
    for (const accept of ['*/*', 'application/openmetrics-text;version=1.0.0', 'text/plain']) {
      const answer = await fetch(`${site.url}/metrics`, { headers: { Accept: accept } });
      assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
      assert.equal(answer.headers.get('content-encoding'), 'gzip');
      assert.equal(await answer.text(), 'promgate_apps 1\n');
    }
  });
});
