import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const src = new URL('../../src/discover/', import.meta.url);

/** Imports all of discover in a program of its own and prints which packages that loaded. */
const program = `
  import { registerHooks } from 'node:module';
  const packages = new Set();
  registerHooks({
    resolve(specifier, context, next) {
      if (/^[@a-z]/.test(specifier) && !specifier.startsWith('node:') && !specifier.startsWith('file:')) packages.add(specifier);
      return next(specifier, context);
    },
  });
  for (const name of ['file', 'gorouter', 'nats-source', 'select', 'selector']) await import(process.argv[1] + name + '.ts');
  console.log([...packages].join());
`;

describe('discover', () => {
  it('loads no package before a source needs it', async () => {
    const args = ['--input-type=module', '--eval', program, src.href];
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      cwd: fileURLToPath(src),
    });

    assert.equal(stdout.trim(), '');
  });
});
