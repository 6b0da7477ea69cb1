/** The configuration of Prometheus that docs/monitoring.md shows, read by promtool beside the alerts. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readDoc } from '../support/doc-words.ts';
import { requireProgram } from '../support/require-program.ts';

const run = promisify(execFile);
const RULES = '../../bosh/jobs/promgate-alerts/templates/promgate.alerts.yml';

describe('docs/monitoring.md', () => {
  it('shows a configuration that Prometheus reads, with the jobs that it names', async function () {
    const promtool = requireProgram(this, 'promtool');
    await using parts = new AsyncDisposableStack();
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-docs-'));
    parts.defer(() => rm(folder, { recursive: true }));
    const [, shown = ''] = /^```yaml\n(.*?)^```$/ms.exec(readDoc('monitoring.md')) ?? [];
    const file = path.join(folder, 'prometheus.yml');
    await writeFile(file, shown);
    await copyFile(
      fileURLToPath(new URL(RULES, import.meta.url)),
      path.join(folder, 'promgate.alerts.yml'),
    );

    const { stdout } = await run(promtool, ['check', 'config', file]);

    assert.match(stdout, /SUCCESS: 1 rule files found/);
    for (const job of ['promgate', 'promgate-apps']) {
      assert.match(shown, new RegExp(`job_name: ${job}$`, 'm'));
    }
  });

  it('links to pages that there are', () => {
    const doc = readDoc('monitoring.md');
    const links = [...doc.matchAll(/\]\((\w[\w-]*\.md)\)/g)].map(([, page]) => page!); // the group

    assert.ok(links.length > 0);
    for (const page of links) assert.match(readDoc(page), /^# /);
  });
});
