import assert from 'node:assert/strict';
import { startPromgateProcess } from '../support/promgate-process.ts';

describe('signals of a process', () => {
  it('answers after SIGHUP, SIGUSR1, SIGUSR2 and SIGPIPE', async () => {
    await using promgate = await startPromgateProcess({ values: {}, untilReady: false });

    for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGPIPE', 'SIGHUP'] as const) {
      promgate.kill(signal);
    }
    await promgate.untilLogged('SIGHUP is ignored: restart promgate to change its configuration');

    assert.equal((await promgate.get('/healthz')).status, 200);
  });
});
