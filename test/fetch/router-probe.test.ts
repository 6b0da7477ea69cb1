/** The probe finds out by one harmless question whether a router heeds the header of processes. */
import assert from 'node:assert/strict';
import { type Asked, RouterProbe } from '../../src/fetch/router-probe.ts';
import type { ScrapeTarget } from '../../src/fetch/target.ts';

const ROUTER = { address: '127.0.0.1:443', tls: true };
const ROUTE = {
  ...{ host: 'shop.example.com', path: '/shop', internal: false, identityAware: false },
  appPort: 8080,
};
const APP = {
  ...{ organizationId: 'o', spaceId: 's', appId: 'a' },
  ...{ organizationName: 'acme', spaceName: 'dev', appName: 'shop' },
};

function probing(...answers: readonly Asked[]) {
  let nowMs = 0;
  const asked: ScrapeTarget[] = [];
  const probe = new RouterProbe({
    ask: async (target) => {
      asked.push(target);
      return answers[Math.min(asked.length, answers.length) - 1] ?? {};
    },
    nowMs: () => nowMs,
  });
  return {
    ...{ probe, asked },
    ask: () => probe.ask(ROUTER, ROUTE, APP),
    pass: (ms: number): void => {
      nowMs += ms;
    },
  };
}

describe('RouterProbe', () => {
  it('reads the answer of a router that heeds the header, and of an older one', async () => {
    const cases: readonly (readonly [Asked, boolean | undefined])[] = [
      [{ failure: 'unknown-route', status: 400 }, true],
      [{ failure: 'router-refused', status: 400 }, true],
      [{ failure: 'unknown-route', status: 404 }, false],
      [{}, false], // some instance gave its page
      [{ failure: 'status-4xx', status: 404 }, false],
      [{ failure: 'endpoint-failure', status: 502 }, false],
      [{ failure: 'no-endpoints', status: 503 }, undefined],
      [{ failure: 'refused' }, undefined],
      [{ failure: 'timeout' }, undefined],
      [{ failure: 'tls' }, undefined],
    ];
    for (const [answer, knows] of cases) {
      const { probe, ask } = probing(answer);
      await ask();
      assert.equal(probe.knows, knows, JSON.stringify(answer));
    }
  });

  it('asks for an instance that cannot exist, below the route, once at a time', async () => {
    const { ask, asked } = probing({ failure: 'unknown-route', status: 400 });

    await Promise.all([ask(), ask()]);

    assert.equal(asked.length, 1);
    const [{ pin, path, host, serverName, instance, headers } = {} as ScrapeTarget] = asked;
    assert.deepEqual(pin, ['X-CF-PROCESS-INSTANCE', '00000000-0000-0000-0000-000000000000:0']);
    assert.deepEqual([path, host, serverName], ['/shop/metrics', ROUTE.host, ROUTE.host]);
    assert.deepEqual([instance, headers], [undefined, []]);
  });

  it('asks again later, and keeps what it knows while the router is away', async () => {
    const yes = { failure: 'unknown-route', status: 400 } as const;
    const { probe, ask, pass } = probing(yes, { failure: 'refused' }, {});
    await ask();
    assert.equal(probe.isDue, false);

    pass(3_600_000);
    assert.equal(probe.isDue, true);
    await ask();
    assert.deepEqual([probe.knows, probe.isDue], [true, false]);
    pass(30_000);
    assert.equal(probe.isDue, true);
    await ask();

    assert.equal(probe.knows, false);
  });
});
