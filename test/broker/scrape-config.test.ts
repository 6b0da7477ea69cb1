import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { scrapeConfig } from '../../broker/scrape-config.ts';
import { freshToken } from '../../broker/token.ts';
import { requireProgram } from '../support/require-program.ts';

const run = promisify(execFile);

const configOf = (bindingId: string, token = freshToken()) =>
  scrapeConfig({ bindingId, baseUrl: 'https://promgate.example.com', token });

describe('scrapeConfig', () => {
  it('is a list with one job that discovers what its token opens', () => {
    assert.equal(
      configOf('b-1', 'TOKEN'),
      `- job_name: "promgate-b-1"
  honor_labels: true
  authorization:
    type: "Bearer"
    credentials: "TOKEN"
  http_sd_configs:
    - url: "https://promgate.example.com/sd/apps"
      authorization:
        type: "Bearer"
        credentials: "TOKEN"
`,
    );
  });

  it('can be pasted into a configuration, also several times, whatever the ids', async function () {
    const promtool = requireProgram(this, 'promtool');
    const ids = ['b-1', 'a/b', 'ü "\\ \n \u007f', '1e3', '- x: {', "' # ", 'x'.repeat(255)];
    const indented = configOf('indented').replace(/^(?=.)/gm, '  ');
    const pasted = `scrape_configs:\n${ids.map((id) => configOf(id)).join('')}`;
    await using folder = await temporaryFolder();
    for (const yaml of [pasted, `scrape_configs:\n${indented}`]) {
      const file = path.join(folder.path, 'prometheus.yml');
      await writeFile(file, yaml);
      const { stdout } = await run(promtool, ['check', 'config', file]);
      assert.match(stdout, /SUCCESS/);
    }
    const names = parse(pasted).scrape_configs.map((job: { job_name: string }) => job.job_name);
    assert.equal(new Set(names).size, ids.length);
  });
});

async function temporaryFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-scrape-config-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  return { path: folder, [Symbol.asyncDispose]: remove };
}
