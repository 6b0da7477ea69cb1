/** The CF API is away: what is kept, for how long, and what promgate does meanwhile. */
import assert from 'node:assert/strict';
import { startSource } from '../../support/cf-api/source.ts';

const HOUR_MS = 3_600_000;

describe('a CF API that is away for hours', () => {
  it('leaves the table as it was, is asked within every interval, and is read at once when it is back', async () => {
    await using test = await startSource({
      prepare: ({ world }, space) => {
        world.push({ name: 'shop', space });
        world.push({ name: 'cart', space });
      },
    });
    await test.swept(1);
    let asked = 0;
    test.api.fault = (request) => {
      asked += 1;
      request.socket.destroy();
      return true;
    };

    while (test.clock.nowMs() < 6 * HOUR_MS) await test.sweepAgain();

    assert.equal(test.table.sizes().apps, 2);
    assert.equal(test.source.works, false);
    assert.equal(test.source.ready, true);
    const { ageMs = 0, state } = test.source;
    assert.ok(ageMs > 5.9 * HOUR_MS && state.sweepAgeMs! >= ageMs);
    assert.deepEqual(test.told.states, ['works', 'unreachable']);
    assert.ok(asked > 6 * 60 && asked < 6 * 60 * 4, `${asked} requests in six hours`);

    test.api.fault = undefined;
    test.api.world.delete(test.api.world.apps[1]!);
    await test.sweepAgain();

    assert.equal(test.source.works, true);
    assert.equal(test.source.ageMs, 0);
    assert.equal(test.table.sizes().apps, 1);
  });

  it('has its instances dropped once another source works for long, and lists them again afterwards', async () => {
    await using test = await startSource({
      prepare: ({ world }, space) => world.push({ name: 'shop', space }),
    });
    await test.swept(1);

    await test.source.lapse(() => false);
    assert.equal(test.table.sizes().apps, 1);
    await test.source.lapse(() => true);
    assert.equal(test.table.sizes().apps, 0);
    await test.sweepAgain();
    assert.equal(test.table.sizes().apps, 1);
  });

  it('answers some lists and not others: nothing is dropped until all are read', async () => {
    await using test = await startSource({
      fullIntervalMs: 1,
      prepare: ({ world }, space) => {
        for (const name of ['a', 'b', 'c']) world.push({ name, space });
      },
    });
    await test.swept(1);
    test.api.world.delete(test.api.world.apps[0]!);
    test.api.fault = (_, response, { pathname }) => {
      if (pathname !== '/v3/processes') return false;
      response
        .writeHead(500)
        .end('{"errors":[{"code":10001,"title":"UnknownError","detail":"x"}]}');
      return true;
    };

    await test.sweepAgain();
    assert.equal(test.told.errors[0]?.fault, 'status');
    assert.equal(test.table.sizes().apps, 3);
    test.api.fault = undefined;
    await test.sweepAgain();
    assert.equal(test.table.sizes().apps, 2);
  });
});
