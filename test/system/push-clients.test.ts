/** Clients that do what the documentation says, while promgate is killed again and again. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type PromgateProcess, startPromgateProcess } from '../support/promgate-process.ts';

const CLIENTS = path.join(import.meta.dirname, '../support/push-clients');
const PUSHES = 60;
const KILLS = 10;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Runs a client. Calls `onPushed` for each line that it prints. */
function runClient(command: string, args: readonly string[], onPushed: () => void): Promise<void> {
  const child: ChildProcess = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout?.on('data', (data: Buffer) => {
    for (const line of data.toString().split('\n')) if (line.startsWith('pushed')) onPushed();
  });
  return once(child, 'close').then(([code]) => assert.equal(code, 0, command));
}

describe('clients of the push gateway', () => {
  it('are counted exactly although promgate is killed ten times', async function () {
    this.timeout(120_000);
    await using parts = new AsyncDisposableStack();
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-push-'));
    parts.defer(() => rm(folder, { recursive: true }));
    const values = {
      listen: { host: '127.0.0.1', port: await freePort() },
      push: { durability: 'disk', file: path.join(folder, 'push.db') },
    };
    const start = (): Promise<PromgateProcess> => startPromgateProcess({ values });
    let promgate = await start();
    parts.defer(() => promgate[Symbol.asyncDispose]());
    const url = `${promgate.url}/push`;
    let pushed = 0;
    let wake = (): void => undefined;
    const onPushed = (): void => {
      pushed += 1;
      wake();
    };

    const clients = Promise.all([
      runClient(process.execPath, [`${CLIENTS}/batch-job.ts`, url, 'job-1', `${PUSHES}`], onPushed),
      runClient(process.execPath, [`${CLIENTS}/batch-job.ts`, url, 'job-2', `${PUSHES}`], onPushed),
      runClient('sh', [`${CLIENTS}/job.sh`, url, 'nightly', `${PUSHES}`], onPushed),
    ]);
    const failed = clients.then(() => undefined); // the wait below ends when a client fails
    for (let kill = 1; kill <= KILLS; kill++) {
      const until = (kill * 3 * PUSHES) / (KILLS + 2);
      while (pushed < until) {
        const push = new Promise<void>((resolve) => {
          wake = resolve;
        });
        await Promise.race([push, failed]);
      }
      promgate.kill('SIGKILL');
      await promgate.exited;
      promgate = await start();
    }
    await clients;

    const page = await promgate.text('/push/metrics');
    const lines = page.split('\n').filter((line) => /^(?:pieces|steps|rows|piece_size)/.test(line));
    const of = (piece: number) => 2 * Math.ceil((PUSHES - piece) / 5);
    assert.deepEqual(lines.sort(), [
      `piece_size_bucket{job="batch",le="+Inf"} ${2 * PUSHES}`,
      `piece_size_bucket{job="batch",le="1"} ${of(0) + of(1)}`,
      `piece_size_bucket{job="batch",le="2"} ${of(0) + of(1) + of(2)}`,
      `piece_size_bucket{job="batch",le="4"} ${2 * PUSHES}`,
      `piece_size_count{job="batch"} ${2 * PUSHES}`,
      `piece_size_sum{job="batch"} ${of(1) + 2 * of(2) + 3 * of(3) + 4 * of(4)}`,
      `pieces_total{job="batch"} ${2 * PUSHES}`,
      `rows_total ${PUSHES / 2}`,
      `steps_total{script="nightly"} ${PUSHES}`,
    ]);
  });
});
