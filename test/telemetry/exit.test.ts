import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const METRICS = new URL('../../src/telemetry/process-metrics.ts', import.meta.url).href;
const REGISTRY = new URL('../../src/telemetry/registry.ts', import.meta.url).href;
const LOG = new URL('../../src/telemetry/log.ts', import.meta.url).href;

describe('telemetry', () => {
  it('does not keep the process alive', async () => {
    const code = `
      const { processMetrics } = await import(${JSON.stringify(METRICS)});
      const { MetricRegistry } = await import(${JSON.stringify(REGISTRY)});
      const { createLog } = await import(${JSON.stringify(LOG)});
      processMetrics(new MetricRegistry(), { version: '1' });
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

  it('writes all lines of a process that exits at once', async () => {
    const code = `
      const { createLog } = await import(${JSON.stringify(LOG)});
      const log = createLog({ level: 'info' });
      log.info('a few');
      setTimeout(() => {
        log.info('last words');
        process.exit(3);
      }, 1);
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code]);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk;
    });

    const [exitCode] = await once(child, 'close');

    assert.equal(exitCode, 3);
    assert.match(output, /"a few".*\n.*"last words".*\n$/);
  });

  it('drops lines that nobody reads, counts them, and still ends', async () => {
    const code = `
      const { createLog } = await import(${JSON.stringify(LOG)});
      let dropped = 0;
      const log = createLog({ level: 'info', onDropped: () => { dropped += 1; } });
      let written = 0;
      for (; dropped === 0 && written < 1_000_000; written += 1) log.info('x'.repeat(10_000));
      await log[Symbol.asyncDispose]();
      process.stderr.write(JSON.stringify({ dropped, written }));
      process.exit(0);
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code]);
    child.stdout.pause();
    let report = '';
    child.stderr.on('data', (chunk: Buffer) => {
      report += chunk;
    });

    const [exitCode] = await once(child, 'exit');

    assert.equal(exitCode, 0);
    const { dropped, written } = JSON.parse(report) as { dropped: number; written: number };
    assert.equal(dropped, 1);
    assert.ok(written < 1_000, `${written} lines of 10 KB were taken`);
    child.stdout.destroy();
  });
});
