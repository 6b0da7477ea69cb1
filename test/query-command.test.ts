/** `promgate query`, as those run it who come from Promxy. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from './support/eventually.ts';
import { runPromgate } from './support/program.ts';
import { startQueryServer } from './support/query-server.ts';
import { seriesOf } from './support/sample-series.ts';
import { freePort } from './support/server-process.ts';

const AT_MS = 1_700_000_000_000;

async function promxyFile(...groups: readonly string[]) {
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-query-'));
  const file = path.join(folder, 'promxy.yaml');
  const write = (all: readonly string[]) =>
    writeFile(file, `promxy:\n  server_groups:\n${all.map((one) => `    - ${one}\n`).join('')}`);
  await write(groups);
  return { file, write, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

async function run(...args: readonly string[]) {
  await using program = runPromgate(args);
  const { code } = await program.exited;
  return { code, out: program.lines.join('\n'), errors: program.errors };
}

const groupOf = ({ url }: { readonly url: string }, more = ''): string =>
  `{ static_configs: [{ targets: ['${new URL(url).host}'] }]${more} }`;

describe('promgate query', function () {
  this.timeout(60_000);

  it('serves the groups of a promxy.yaml, and reads them again at SIGHUP', async () => {
    await using one = await startQueryServer({ series: [seriesOf('up{job="a"}', AT_MS, [1])] });
    await using two = await startQueryServer({ series: [seriesOf('up{job="b"}', AT_MS, [1])] });
    await using promxy = await promxyFile(groupOf(one, ', frobnicate: true'));
    const port = await freePort();
    await using program = runPromgate([
      ...['query', '--config', promxy.file, `--bind-addr=127.0.0.1:${port}`],
      ...['--query.timeout=30s', '--log-format', 'json', '--http.shutdown-delay=0s'],
    ]);
    const jobs = async () => {
      const url = `http://127.0.0.1:${port}/api/v1/query?query=up&time=${AT_MS / 1000}`;
      const { data } = (await (await fetch(url)).json()) as {
        data: { result: { metric: { job: string } }[] };
      };
      return data.result.map(({ metric }) => metric.job).join();
    };

    assert.equal(await eventually('an answer', jobs), 'a');
    assert.match(program.errors, /frobnicate is no key of Promxy and ignored/);
    assert.match(program.errors, /--log-format has no effect: the log is JSON/);
    await promxy.write([groupOf(two)]);
    program.kill('SIGHUP');
    await eventually('the other group', async () => (await jobs()) === 'b' || undefined);
    program.kill('SIGTERM');
    assert.equal((await program.exited).code, 0);
  });

  it('tells what becomes of each key, and what is wrong', async () => {
    await using promxy = await promxyFile(
      "{ static_configs: [{ targets: ['a:1'] }], max_idle_conns: 5 }",
    );
    await using wrong = await promxyFile('{ consul_sd_configs: [] }');

    const checked = await run('query', '--check-config', '--config', promxy.file);
    const same = await run('check', '--config', promxy.file);
    const refused = await run('query', '--config', wrong.file);

    assert.equal(checked.code, 0);
    assert.match(checked.out, /server_groups\[0\]\.max_idle_conns: without effect; /);
    assert.match(checked.out, /server_groups\[0\]\.static_configs\[0\]\.targets: used/);
    assert.equal(same.code, 0);
    assert.match(same.out, /max_idle_conns: without effect/);
    assert.equal(refused.code, 2);
    assert.match(refused.errors, /consul_sd_configs is not supported: use file_sd_configs/);
  });

  it('refuses a wrong command line', async () => {
    await using promxy = await promxyFile("{ static_configs: [{ targets: ['a:1'] }] }");
    for (const [args, told] of [
      [['--frobnicate'], /Unknown option '--frobnicate'/],
      [['--config', 'nowhere.yaml'], /nowhere\.yaml: cannot be read: there is no such file/],
      [['--config', promxy.file, '--bind-addr', 'here'], /--bind-addr takes host:port/],
      [
        ['--config', promxy.file, '--query.timeout', 'soon'],
        /--query\.timeout: query\.timeout is "soon"/,
      ],
    ] as const) {
      const { code, errors } = await run('query', ...args);
      assert.equal(code, 2);
      assert.match(errors, told);
    }
  });
});
