/** What the CF API and UAA do to promgate: expired tokens, refusals, limits and lies. */
import assert from 'node:assert/strict';
import { startSource } from '../../support/cf-api/source.ts';

describe('a CF API that fails and lies', () => {
  it('gets a new token once when the API refuses the old one', async () => {
    await using test = await startSource({
      prepare: ({ world }, space) => world.push({ name: 'shop', space }),
    });
    await test.swept(1);
    test.api.uaa.revokeAll();

    await test.sweepAgain();

    assert.deepEqual(test.told.errors, []);
    assert.deepEqual(test.api.uaa.grants, ['client_credentials', 'client_credentials']);
  });

  it('fails with the word denied for a client without a scope', async () => {
    await using test = await startSource({
      prepare: ({ uaa }) => {
        uaa.clients.set('promgate', { secret: 'secret', scopes: [], spaces: [] });
      },
    });

    await test.swept(1);

    assert.equal(test.told.polls[0], 'denied');
    assert.equal(test.source.works, false);
  });

  it('keeps every app when a page lacks some that its total counts', async () => {
    await using test = await startSource({
      fullIntervalMs: 1,
      prepare: ({ world }, space) => {
        for (const name of ['a', 'b', 'c']) world.push({ name, space });
      },
    });
    await test.swept(1);
    test.api.lie = (json) => ({ ...json, resources: json.resources.slice(0, 1) });

    await test.sweepAgain();
    await test.sweepAgain();

    assert.equal(test.table.sizes().apps, 3);
  });

  it('does without embedded states where the API does not know them, and asks once only', async () => {
    await using test = await startSource({
      prepare: ({ world, unknown }, space) => {
        world.push({ name: 'shop', space, instances: 2 });
        unknown.add('embed');
      },
    });
    await test.swept(1);
    await test.sweepAgain();

    const asked = test.api.requests.filter((one) => one.includes('embed='));
    assert.equal(asked.length, 1);
    assert.deepEqual(
      Array.from(test.source.inventory.targets(), ({ state }) => state),
      ['UNKNOWN', 'UNKNOWN'],
    );
  });

  it('knows both web processes of a rolling deployment, and drops the old one when it is gone', async () => {
    await using test = await startSource({
      prepare: ({ world }, space) => world.push({ name: 'shop', space, instances: 2 }),
    });
    await test.swept(1);
    const [app] = test.api.world.apps;
    assert.ok(app);
    const deployment = test.api.world.deploy(app);

    await test.sweepAgain();
    const during = Array.from(test.source.inventory.targets(), (one) => [
      one.processId,
      one.index,
      one.rolling,
    ]);
    while (!deployment.step());
    await test.sweepAgain();
    const after = Array.from(test.source.inventory.targets(), (one) => [
      one.processId,
      one.index,
      one.rolling,
    ]);

    assert.equal(during.length, 3);
    assert.ok(during.every(([, , rolling]) => rolling));
    assert.deepEqual(after, [
      [deployment.next.guid, 0, false],
      [deployment.next.guid, 1, false],
    ]);
  });
});
