import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const METRICS = new URL('../../src/telemetry/metrics.ts', import.meta.url).href;
const LOG = new URL('../../src/telemetry/log.ts', import.meta.url).href;

describe('telemetry', () => {
  it('does not keep the process alive', async () => {
    const code = `
      const { createMetrics } = await import(${JSON.stringify(METRICS)});
      const { createLog } = await import(${JSON.stringify(LOG)});
      const metrics = createMetrics({ version: '1', failures: [], levels: () => ({ table: {}, pool: {} }), knowsApp: () => true });
      await metrics.load();
      createLog({ level: 'info' }).info('all done');
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code]);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk;
    });

    const [exitCode] = await once(child, 'close');

    assert.equal(exitCode, 0);
    assert.match(output, /"all done"/);
  });
});
