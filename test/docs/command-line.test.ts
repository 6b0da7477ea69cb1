/** The page on the command line: its help is what the program prints, and its examples work. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { COMMANDS, helpOf } from '../../src/commands/commands.ts';
import { CertificateFolder } from '../serve/openssl.ts';
import { page } from '../support/answers.ts';
import { startAppInstances } from '../support/app-instances.ts';
import { runBlocks } from '../support/doc-commands.ts';
import { routesJson } from '../support/foundation.ts';
import { SLOW_MS } from '../support/limits.ts';
import { startPromgateProcess } from '../support/promgate-process.ts';

const PAGE = new URL('../../docs/command-line.md', import.meta.url);
const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const GENERATED = /\n### promgate .*/s;
/** Examples of these serve until they are stopped, or speak to another shell. */
const NOT_RUN = /^promgate (?:serve|demo)|fish/;

describe('docs/command-line.md', function () {
  this.timeout(SLOW_MS);

  it('shows commands that do what it says', async () => {
    assert.equal(
      await runBlocks('command-line.md', { 8085: 8085 }),
      'complete -F _promgate promgate\n',
    );
  });

  it('holds the help of every command; PROMGATE_UPDATE_DOCS=1 writes it', () => {
    const text = readFileSync(PAGE, 'utf8');
    const helps = COMMANDS.filter(({ exits }) => exits.length > 0).map(
      (command) => `\n### promgate ${command.name}\n\`\`\`text\n${helpOf(command)}\`\`\`\n`,
    );
    const expected = `${text.replace(GENERATED, '').trimEnd()}\n${helps.join('')}`;
    if (process.env['PROMGATE_UPDATE_DOCS'] === '1') writeFileSync(PAGE, expected);
    else assert.equal(text, expected);
  });

  it('has examples that work', async () => {
    await using apps = await startAppInstances([page('a 1\n'), page('a 2\n')]);
    using folder = new CertificateFolder();
    const routes = folder.path('routes.json');
    const app = { organization: 'my-org', space: 'dev', name: 'shop', addresses: apps.addresses };
    writeFileSync(routes, JSON.stringify(routesJson([app])));
    writeFileSync(folder.path('promgate.yml'), `routes: { file: ${routes} }\n`);
    await using promgate = await startPromgateProcess({ values: { routes: { file: routes } } });
    const lines = COMMANDS.flatMap(({ examples }) => examples.map(([line]) => line));
    const run = lines.filter((line) => !NOT_RUN.test(line));
    assert.ok(run.length >= 7);

    for (const line of run) {
      const moved = line.replace('http://127.0.0.1:8085', promgate.url);
      const script = `promgate() { "$0" "$MAIN" "$@"; }; ${moved}`;
      await promisify(execFile)('bash', ['-eu', '-o', 'pipefail', '-c', script, process.execPath], {
        cwd: folder.folder,
        env: { PATH: process.env['PATH'], MAIN },
      });
    }
  });
});
