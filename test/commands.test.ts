/** The commands of a developer's loop: what of the tests each of them runs. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const SCRIPTS: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(path.join(ROOT, 'package.json'), 'utf8'),
).scripts;

/** What starts a database server; `test:fast` must not come near. */
const DATABASE_SERVERS = ['test/support/mariadb-server.ts', 'test/support/postgres-server.ts'];

/** @returns what a script's command quotes behind `before`: patterns of files */
function patternsOf(script: string, before: RegExp): string[] {
  const quoted = new RegExp(`${before.source} '([^']+)'`, 'g');
  return [...SCRIPTS[script]!.matchAll(quoted)].map((match) => match[1]!);
}

/** Whether a file of `test/` imports one of `targets`, by whatever detour through `test/`. */
function reaches(file: string, targets: readonly string[]): boolean {
  const seen = new Set<string>();
  const visit = (at: string): boolean => {
    if (targets.includes(at)) return true;
    if (seen.has(at) || !at.startsWith('test/')) return false;
    seen.add(at);
    const code = readFileSync(path.join(ROOT, at), 'utf8');
    const names = [...code.matchAll(/^(?:import|export)\b[^;]*?from '(\.[^']+)'/gm)];
    return names.some((match) => visit(path.join(path.dirname(at), match[1]!)));
  };
  return visit(file);
}

describe('npx mocha FILE', () => {
  it('runs the tests of that file alone', async () => {
    const mocha = path.join(ROOT, 'node_modules/mocha/bin/mocha.js');
    const file = 'test/config/nearest.test.ts';

    const { stdout } = await promisify(execFile)(
      process.execPath,
      [mocha, '--dry-run', '--no-parallel', '--reporter', 'json', file],
      { cwd: ROOT, maxBuffer: 2 ** 26 },
    );

    const { tests } = JSON.parse(stdout) as {
      readonly tests: readonly { readonly file: string }[];
    };
    const files = new Set(tests.map((test) => path.relative(ROOT, test.file)));
    assert.deepEqual([...files], [file]);
  });
});

describe('npm test', () => {
  it('runs every file of tests', () => {
    const patterns = patternsOf('test', /(?<=--forbid-only.*)/);
    const named = patterns.flatMap((pattern) => globSync(pattern, { cwd: ROOT }));

    const all = globSync('test/**/*.test.ts', { cwd: ROOT });
    assert.ok(all.length > 100);
    assert.deepEqual(named.sort(), all.sort());
  });

  it('begins with the folders whose files take longest, so that none is alone at the end', () => {
    const [first = '', others] = patternsOf('test', /(?<=--forbid-only.*)/);

    assert.ok(globSync(first, { cwd: ROOT }).includes('test/system/endurance.test.ts'));
    assert.ok(others !== undefined && !others.includes(first));
  });
});

describe('npm run test:fast', () => {
  const left = new Set(globSync(patternsOf('test:fast', /--ignore/), { cwd: ROOT }));
  const run = globSync('test/**/*.test.ts', { cwd: ROOT }).filter((file) => !left.has(file));

  it('leaves out the whole program', () => {
    assert.ok(run.length > 100);
    assert.deepEqual(
      run.filter((file) => file.startsWith('test/system/')),
      [],
    );
  });

  it('leaves out every file that starts a database server', () => {
    assert.deepEqual(
      run.filter((file) => reaches(file, DATABASE_SERVERS)),
      [],
    );
  });
});
