/** The commands of the guides, run as they are written; and the figures of the operator guide. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { runBlocks } from '../support/doc-commands.ts';
import { readDoc } from '../support/doc-words.ts';
import { SLOW_MS } from '../support/limits.ts';
import { requireProgram } from '../support/require-program.ts';
import { freePort } from '../support/server-process.ts';

const ROOT = new URL('../../', import.meta.url);

describe('README.md', function () {
  this.timeout(SLOW_MS);

  it('has a configuration that its command checks, with the password masked', async () => {
    const text = readFileSync(new URL('README.md', ROOT), 'utf8');
    const [, yaml = ''] = /^```yaml\n# promgate\.yml\n(.*?)^```$/ms.exec(text) ?? [];
    const [command = ''] = /^npx node src\/main\.ts check .*$/m.exec(text) ?? [];
    const folder = mkdtempSync(path.join(tmpdir(), 'promgate-readme-'));
    try {
      writeFileSync(path.join(folder, 'promgate.yml'), yaml);
      const moved = command
        .replace('src/main.ts', fileURLToPath(new URL('src/main.ts', ROOT)))
        .replace('npx node', process.execPath);

      const { stdout } = await promisify(execFile)('bash', ['-c', moved], { cwd: folder });

      const { routes } = parse(stdout);
      assert.deepEqual(routes.gorouter[0].url, 'http://127.0.0.1:8082/routes');
      assert.ok(!stdout.includes('password: "…"') && !stdout.includes('password: …'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('docs/quick-start.md', function () {
  this.timeout(SLOW_MS);

  it('leads to a Prometheus that has found the apps and counts their instances', async function () {
    for (const program of ['prometheus', 'curl']) requireProgram(this, program);

    const printed = await runBlocks('quick-start.md', {
      8085: await freePort(),
      9090: await freePort(),
    });

    assert.match(printed, /^promgate_instance_up\{.*app_name="mailer".*\} 1$/m);
    assert.match(printed, /^promgate_instance_up\{.*app_name="mailer".*\} 0$/m);
    assert.match(printed, /^promfetcher_scrape_error\{.*error="[a-z0-9-]+"/m);
    assert.match(printed, /"metric":\{"app_name":"mailer"\},"value":\[[\d.]+,"3"\]/);
  });
});

describe('docs/app-teams.md', function () {
  this.timeout(SLOW_MS);

  it('shows commands that do what it says', async function () {
    requireProgram(this, 'curl');

    const printed = await runBlocks('app-teams.md', { 8085: await freePort() });

    assert.match(printed, /^promgate_instance_up\{.*app_name="shop".*\} 1$/m);
    assert.match(printed, /^ok$/m);
    assert.match(printed, /^mails_total 3$/m);
    assert.match(printed, /^\[\{"targets":/m);
  });
});

describe('docs/operating.md', function () {
  this.timeout(SLOW_MS);

  it('shows commands that do what it says', async () => {
    const printed = await runBlocks('operating.md', { 8085: await freePort() });

    assert.match(printed, /^ {2}mode: basic$/m);
    assert.match(printed, /username: prometheus$/m);
    assert.doesNotMatch(printed, /password: "?secret/);
  });
});

describe('docs/operators.md', () => {
  it('names the files that promgate needs on a machine', async () => {
    const [, sentence = ''] = /On every machine: (.*?)\.\s/ms.exec(readDoc('operators.md')) ?? [];
    const folder = mkdtempSync(path.join(tmpdir(), 'promgate-machine-'));
    try {
      for (const [, name] of sentence.matchAll(/`(.*?)`/g)) {
        const target = path.join(folder, name!);
        if (name === 'node_modules') symlinkSync(new URL(name, ROOT), target);
        else cpSync(new URL(name!, ROOT), target, { recursive: true });
      }
      const { stdout } = await promisify(execFile)(process.execPath, [
        path.join(folder, 'src/main.ts'),
        '--version',
      ]);
      assert.match(stdout, /\d+\.\d+\.\d+/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('names the figures that the benchmarks have, and groups that print them', () => {
    const bench = readFileSync(new URL('bench/README.md', ROOT), 'utf8');
    const sizing = readDoc('operators.md').split('## Sizing\n')[1] ?? '';
    const rows = [...sizing.matchAll(/^\| (.*) \| (.*\d.*) \| `--only (\w+)` \|$/gm)];

    assert.ok(rows.length > 6);
    for (const [row, , figures, group] of rows) {
      for (const [number] of figures!.matchAll(/\d[\d.]*/g)) {
        assert.ok(bench.includes(number), `${number} of ${row}`); // groups take part in each match
      }
      assert.match(bench, new RegExp(`\`--only [a-z\\\\|]*\\b${group}\\b`), group);
    }
  });
});
