/** The commands of the documentation, run as they are written. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { SLOW_MS } from '../support/limits.ts';
import { requireProgram } from '../support/require-program.ts';
import { freePort } from '../support/server-process.ts';

const ROOT = new URL('../../', import.meta.url);

/** Runs all `sh` blocks of a page as one script, on a port that is free. @returns what they print */
async function runBlocks(page: string, port: number): Promise<string> {
  const text = await readFile(new URL(`docs/${page}`, ROOT), 'utf8');
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1]!);
  assert.ok(blocks.length > 0, `${page} has commands`);
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-docs-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  const script = blocks
    .join('\n')
    .replaceAll('8085', String(port))
    .replaceAll('src/main.ts', fileURLToPath(new URL('src/main.ts', ROOT)))
    .replaceAll('npx node', process.execPath);
  // Jobs as at a terminal; whatever fails, none of them stays.
  const frame = `set -m\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n`;
  const shell = spawn('bash', ['-eu', '-c', frame + script], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  parts.defer(async () => void shell.kill());
  let printed = '';
  let errors = ''; // promgate's warnings and the shell's lines about its jobs, too
  shell.stdout.on('data', (part: Buffer) => {
    printed += part.toString();
  });
  shell.stderr.on('data', (part: Buffer) => {
    errors += part.toString();
  });
  const [code] = await once(shell, 'close');
  assert.equal(code, 0, `exit code ${code}: ${printed}${errors}`);
  return printed;
}

describe('docs/bindings.md', function () {
  this.timeout(SLOW_MS);

  it('shows commands that do what it says', async function () {
    requireProgram(this, 'curl');
    const printed = await runBlocks('bindings.md', await freePort());

    assert.match(printed, /"services":\[\{/);
    assert.match(printed, /^http_\w+\{[^}]*app_name="mailer"[^}]*team="post"/m);
    assert.match(printed, /^404 Cannot found app with id or path demo\/prod\/shop$/m);
    assert.match(printed, /"app_name":"mailer"/);
    assert.match(printed, /^ {2}adopt: true$/m);
    assert.match(printed, /"endpoint":"\/metrics","token":"promgate_[\w-]{43}"/);
    assert.match(printed, /the new key: 200$/m);
  });
});
