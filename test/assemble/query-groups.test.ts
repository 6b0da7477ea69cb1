/** The groups of the configuration, in a whole promgate, in front of servers. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startApp } from '../../src/assemble/app.ts';
import { readConfig } from '../../src/config/config.ts';
import { eventually } from '../support/eventually.ts';
import { recordLog, startPromgate } from '../support/promgate.ts';
import { startQueryServer } from '../support/query-server.ts';
import { seriesOf } from '../support/sample-series.ts';

const AT_MS = 1_700_000_000_000;
const AT = AT_MS / 1000 + 60;
const series = (job: string) => [seriesOf(`up{job="${job}"}`, AT_MS, [1, 2, 3])];
const hostOf = ({ url }: { readonly url: string }): string => new URL(url).host;

interface Answer {
  readonly status: string;
  readonly data: { readonly result: readonly { readonly metric: Record<string, string> }[] };
  readonly warnings?: readonly string[];
}

async function ask(url: string, expression = 'up'): Promise<Answer> {
  const query = encodeURIComponent(expression);
  return (await (await fetch(`${url}/api/v1/query?query=${query}&time=${AT}`)).json()) as Answer;
}

async function jobsAt(url: string, expression?: string): Promise<readonly string[]> {
  const { data } = await ask(url, expression);
  return data.result.map(({ metric }) => JSON.stringify(metric)).sort();
}

describe('the groups of the configuration', () => {
  it('answer as one server: the labels, headers and parameters of each are used', async () => {
    const allows = (headers: Readonly<Record<string, unknown>>): boolean =>
      headers['authorization'] === `Basic ${btoa('reader:secret')}` && headers['x-scope'] === 'a';
    await using one = await startQueryServer({ series: series('a'), pathPrefix: '/prom', allows });
    await using two = await startQueryServer({ series: series('b') });
    await using promgate = await startPromgate({
      apps: [],
      values: {
        query: {
          server_groups: [
            {
              static_configs: [{ targets: [hostOf(one)] }],
              labels: { dc: 'x' },
              path_prefix: '/prom',
              http_headers: { 'X-Scope': 'a' },
              query_params: { nocache: 1 },
              http_client: { basic_auth: { username: 'reader', password: 'secret' } },
            },
            { static_configs: [{ targets: [hostOf(two)] }], labels: { dc: 'y' } },
          ],
        },
      },
    });

    assert.deepEqual(await jobsAt(promgate.url), [
      '{"__name__":"up","dc":"x","job":"a"}',
      '{"__name__":"up","dc":"y","job":"b"}',
    ]);
    assert.ok(one.requests.every(({ parameters }) => parameters.get('nocache') === '1'));
  });

  it('are read again from the file; one with faults changes nothing', async () => {
    await using one = await startQueryServer({ series: series('a') });
    await using two = await startQueryServer({ series: series('b') });
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-reload-'));
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => rm(folder, { recursive: true }));
    const file = path.join(folder, 'promgate.yml');
    const write = (group: unknown) =>
      writeFile(
        file,
        JSON.stringify({
          listen: { host: '127.0.0.1', port: 0 },
          drain: { wait: '0s' },
          query: { server_groups: [group] },
        }),
      );
    await write({ static_configs: [{ targets: [hostOf(one)] }] });
    const reread = () => readConfig({ file, memoryBytes: 2 ** 30 });
    const { log, lines } = recordLog();
    await using app = await startApp(await reread(), { log, reread });
    const reload = () => fetch(`${app.url}/-/reload`, { method: 'POST' });
    assert.deepEqual(await jobsAt(app.url), ['{"__name__":"up","job":"a"}']);

    await write({ static_configs: [{ targets: [hostOf(two)] }] });
    assert.equal((await reload()).status, 200);
    assert.deepEqual(await jobsAt(app.url), ['{"__name__":"up","job":"b"}']);

    await write({ static_configs: [{ targets: ['http://wrong'] }] });
    const refused = await reload();
    assert.equal(refused.status, 500);
    assert.match(await refused.text(), /^failed to reload config: .*must be host:port/);
    await write({ static_configs: [{ targets: [hostOf(two)] }], inject_matchers: ['a=~"("'] });
    assert.equal((await reload()).status, 500);
    await app.reload?.();
    assert.ok(lines.some(({ level, message }) => level === 'error' && /reload/.test(message)));
    assert.deepEqual(await jobsAt(app.url), ['{"__name__":"up","job":"b"}']);
  });

  it('find servers by files, by a URL and as apps', async () => {
    await using one = await startQueryServer({ series: series('a') });
    await using two = await startQueryServer({ series: series('b') });
    await using three = await startQueryServer({ series: series('c') });
    await using lists = await startQueryServer({ data: {} });
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-file-sd-'));
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => rm(folder, { recursive: true }));
    const file = path.join(folder, 'servers-1.yml');
    await writeFile(file, `- targets: ['${hostOf(one)}']\n  labels: { dc: x }\n`);
    lists.faults = {
      change: () => Buffer.from(JSON.stringify([{ targets: [hostOf(two)], labels: { dc: 'y' } }])),
    };
    await using promgate = await startPromgate({
      apps: [
        { organization: 'org', space: 'space', name: 'prometheus', addresses: [hostOf(three)] },
      ],
      values: {
        query: {
          server_groups: [
            {
              name: 'files',
              file_sd_configs: [{ files: [path.join(folder, 'servers-*.yml')] }],
              partition: 'none',
            },
            {
              name: 'url',
              http_sd_configs: [{ url: `${lists.url}/api/v1/metadata` }],
              partition: 'none',
            },
            {
              name: 'app',
              app_sd_configs: [{ app: 'org/space/prometheus', refresh_interval: '1s' }],
              labels: { dc: 'z' },
            },
          ],
        },
      },
    });

    await eventually('all servers to be found', async () => {
      const jobs = await jobsAt(promgate.url).catch(() => []);
      return jobs.length === 3 || undefined;
    });

    assert.deepEqual(await jobsAt(promgate.url), [
      '{"__name__":"up","dc":"x","job":"a"}',
      '{"__name__":"up","dc":"y","job":"b"}',
      '{"__name__":"up","dc":"z","job":"c"}',
    ]);
  });
});
