/** Runs the commands of a page of the documentation as they are written. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);

/**
 * Runs all `sh` blocks of a page as one script.
 *
 * @param ports - each port that the page names, and the free one to use in its place
 * @returns what they print
 */
export async function runBlocks(
  page: string,
  ports: Readonly<Record<string, number>>,
): Promise<string> {
  const text = await readFile(new URL(`docs/${page}`, ROOT), 'utf8');
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1]!);
  assert.ok(blocks.length > 0, `${page} has commands`);
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-docs-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  const named = new RegExp(Object.keys(ports).join('|'), 'g');
  const moved = blocks.join('\n').replace(named, (port) => String(ports[port]));
  const script = moved
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
