import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const EXHAUSTED = fileURLToPath(new URL('exhausted.ts', import.meta.url));

describe('a process without descriptors', () => {
  it('fails with a word of its own at the deadline, and goes on when one comes free', async () => {
    const script = 'ulimit -n 100; exec "$0" "$@"';

    const { stdout } = await run('sh', ['-c', script, process.execPath, EXHAUSTED]);

    assert.deepEqual(JSON.parse(stdout), ['no-descriptors', true, 'up 1\n']);
  }).timeout(30_000);
});
