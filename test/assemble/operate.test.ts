import assert from 'node:assert/strict';
import { openOperate } from '../../src/assemble/operate.ts';
import { requireCredential } from '../../src/serve/auth.ts';
import { Readiness } from '../../src/serve/health.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { serveFrame } from '../serve/frame-server.ts';

describe('openOperate', () => {
  it('wants a credential everywhere but for health, readiness and documentation', async () => {
    const tokens = { scopeOf: async () => undefined };
    const admit = requireCredential({ mode: 'basic', operators: [], tokens });
    const ground = { readiness: new Readiness(), registry: new MetricRegistry() };
    const { mounts } = openOperate(
      { admit, onMistake: () => undefined, purge: () => ({ purged: 0 }) },
      ground,
    );
    await using frame = await serveFrame({ mounts });
    const statusOf = async (path: string) => (await fetch(frame.url + path)).status;

    assert.deepEqual(
      await Promise.all(['/healthz', '/readyz', '/doc', '/metrics', '/no/such'].map(statusOf)),
      [200, 503, 200, 401, 401],
    );
  });
});
