import assert from 'node:assert/strict';
import { startFoundation } from '../../src/demo/foundation.ts';

interface Endpoint {
  readonly address: string;
  readonly tags: Readonly<Record<string, string>>;
}

describe('the simulated foundation', () => {
  it('shows apps of three instances to whom it knows; one instance fails', async () => {
    await using foundation = await startFoundation({ now: () => 1000, chance: () => 0.5 });
    const { routesUrl, username, password, apps } = foundation;
    const credential = Buffer.from(`${username}:${password}`).toString('base64');

    const refused = await fetch(routesUrl);
    const answer = await fetch(routesUrl, { headers: { Authorization: `Basic ${credential}` } });
    const table = (await answer.json()) as Record<string, readonly Endpoint[]>;
    const statuses = new Map<string, number>();
    for (const { address, tags } of Object.values(table).flat()) {
      const { status } = await fetch(`http://${address}/metrics`);
      statuses.set(`${tags['app_name']}/${tags['instance_id']}`, status);
    }

    assert.equal(refused.status, 401);
    assert.deepEqual(
      Object.keys(table),
      apps.map(({ route }) => route),
    );
    assert.deepEqual([...statuses].slice(0, 6), [
      ['shop/0', 200],
      ['shop/1', 200],
      ['shop/2', 200],
      ['mailer/0', 200],
      ['mailer/1', 200],
      ['mailer/2', 500],
    ]);
  });
});
