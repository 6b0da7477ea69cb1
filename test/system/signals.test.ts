import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import packageJson from '../../package.json' with { type: 'json' };
import { eventually } from '../support/eventually.ts';
import { startPromgateProcess } from '../support/promgate-process.ts';

/** Where Node's inspector would listen. */
const INSPECTOR_PORT = 9229;

/** @returns the code with which the inspector's port refuses */
async function inspectorRefuses(): Promise<string | undefined> {
  const socket = connect(INSPECTOR_PORT, '127.0.0.1');
  const opened = once(socket, 'connect').then(() => undefined);
  const refused = await opened.catch(({ code }: NodeJS.ErrnoException) => code);
  socket.destroy();
  return refused;
}

describe('signals of a process', () => {
  it('answers after SIGHUP, SIGUSR1, SIGUSR2 and SIGPIPE', async () => {
    await using promgate = await startPromgateProcess({ values: {}, untilReady: false });

    for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGPIPE', 'SIGHUP'] as const) {
      promgate.kill(signal);
    }
    await promgate.untilLogged('SIGHUP does nothing: there is nothing to reload');

    assert.equal((await promgate.get('/healthz')).status, 200);
  });

  it('never ends, and logs each SIGHUP, however many come', async () => {
    await using promgate = await startPromgateProcess({ values: {}, untilReady: false });
    const logged = () => promgate.log.filter(({ msg }) => msg.startsWith('SIGHUP')).length;

    for (let n = 1; n <= 3; n++) {
      promgate.kill('SIGUSR2');
      promgate.kill('SIGHUP');
      await eventually(`SIGHUP number ${n} in the log`, () => logged() === n || undefined);
    }

    assert.equal((await promgate.get('/healthz')).status, 200);
  });

  it('keeps its inspector closed at SIGUSR1', async () => {
    await using promgate = await startPromgateProcess({ values: {}, untilReady: false });

    for (let n = 1; n <= 3; n++) {
      promgate.kill('SIGUSR1');
      promgate.kill('SIGHUP');
      await eventually('the signals to have come', () =>
        promgate.log.filter(({ msg }) => msg.startsWith('SIGHUP')).length === n ? true : undefined,
      );
      assert.equal((await promgate.get('/healthz')).status, 200);
    }

    assert.equal(await inspectorRefuses(), 'ECONNREFUSED');
    assert.doesNotMatch(promgate.errors, /Debugger|inspector/i);
  });

  it('find the inspector closed before promgate is loaded, where npm starts it', () => {
    assert.match(packageJson.scripts.start, /node --disable-sigusr1 /);
  });
});
