import assert from 'node:assert/strict';
import { eventually } from '../support/eventually.ts';
import { servePush } from './push-server.ts';

/** So large that it is put together in turns with other work. */
const LARGE = Array.from({ length: 1_900 }, (_, at) => `m{at="${at}"} 1\n`).join('');
const GATE = { checks: false, settings: { maxBodyBytes: 1_000_000 } };

describe('pushes that are answered before their check', () => {
  it('leave a group as its last push says, although a larger one came before', async () => {
    await using gate = await servePush(GATE);

    const answers = [
      await gate.send('PUT', '/job/a', LARGE),
      await gate.send('PUT', '/job/a', 'last 1\n'),
    ];
    await eventually('both have ended', () => gate.ends[1]);

    assert.deepEqual(
      answers.map(({ status }) => status),
      [202, 202],
    );
    assert.deepEqual(gate.lines()[0], 'last{instance="",job="a"} 1');
    assert.equal(gate.lines().length, 3);
  });

  it('leave nothing of a group that is deleted after them', async () => {
    await using gate = await servePush(GATE);

    await gate.send('PUT', '/job/a', LARGE);
    await gate.send('DELETE', '/job/a');

    assert.equal(gate.ends.length, 1);
    assert.deepEqual(gate.lines(), []);
  });
});
