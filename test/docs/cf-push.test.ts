/** What docs/cf-push.md tells to write, is read as it says. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { ConfigError, describeConfig, readConfig } from '../../src/config/config.ts';
import { page } from '../support/answers.ts';
import { readManifest } from '../support/manifest.ts';
import { startPromgate } from '../support/promgate.ts';
import { requireProgram } from '../support/require-program.ts';
import { samplesOf } from '../support/samples.ts';
import { startServer } from '../support/simulated-server.ts';

const text = readFileSync(new URL('../../docs/cf-push.md', import.meta.url), 'utf8');

function blocks(language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(
    ([, block]) => block!,
  );
}

const { app, variables } = readManifest();
const [configuration = '', listing = ''] = blocks('json');
const DATABASE = {
  name: variables['database_service'],
  tags: ['postgresql'],
  credentials: { uri: 'postgres://u:p@db:5432/n' },
};

/** What a pushed promgate says of its configuration. */
function described(credentials: unknown) {
  const services = { u: [{ name: variables['config_service'], credentials }], d: [DATABASE] };
  const environment = {
    ...app.env,
    PORT: '8080',
    VCAP_APPLICATION: '{}',
    VCAP_SERVICES: JSON.stringify(services),
  };
  return describeConfig({ memoryBytes: 2 ** 28, environment });
}

describe('docs/cf-push.md', () => {
  it('has the names of vars.yml', () => {
    assert.deepEqual(parse(blocks('yaml')[0] ?? ''), variables);
  });

  it("has an operator's password that is a bearer token, as its commands send it", () => {
    const [{ password }] = JSON.parse(configuration).auth.operators;

    assert.match(password, /^[A-Za-z0-9._~+/-]+=*$/);
    assert.match(text, /-H "Authorization: Bearer <the operator's password>"/);
  });

  it('has a section of the CF API that is all that a pushed promgate needs to find apps', async () => {
    const [, given = ''] = /^cf update-user-provided-service promgate -p '(.*)'$/m.exec(text) ?? [];
    const credentials = { ...JSON.parse(configuration), ...JSON.parse(given) };
    const api = JSON.stringify({ cf_api: 'https://api.example.com' });

    const { scrape, routes } = await readConfig({
      memoryBytes: 2 ** 28,
      environment: {
        ...app.env,
        VCAP_APPLICATION: api,
        VCAP_SERVICES: JSON.stringify({
          u: [{ name: variables['config_service'], credentials }],
          d: [DATABASE],
        }),
      },
    });

    assert.equal(routes.cfApi?.url, 'https://api.example.com');
    assert.deepEqual(scrape.router, { address: 'api.example.com:443', tls: true });
    assert.equal(scrape.via, 'auto');
  });

  it('has a configuration with which the pushed app starts, with a warning only of what it says', async () => {
    const { yaml, warnings } = await described(JSON.parse(configuration));

    assert.match(yaml, /mode: token/);
    assert.deepEqual(
      warnings.filter((line) => !/without listen\.tls|names no source/.test(line)),
      [],
    );
  });

  it('cites the message of a misspelt key', async () => {
    const [, fault = ''] = /such as `(VCAP_SERVICES, service .*?)`/.exec(text) ?? [];
    const misspelt = JSON.parse(configuration.replace('"cf", "password"', '"cf", "pasword"'));

    await assert.rejects(described(misspelt), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.ok(
        fault !== '' && error.faults.some((line) => line.startsWith(fault)),
        `${error.faults}`,
      );
      return true;
    });
  });

  it('has a listing whose instances are scraped by their names, and says what is not there', async () => {
    await using instance = await startServer(page('a 1\n'));
    const port = instance.address.split(':')[1];
    const moved = listing
      .replace('0.shop.apps.internal:8080', `localhost:${port}`)
      .replace('1.shop.apps.internal', '1.shop.apps.invalid');
    await using parts = new AsyncDisposableStack();
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-docs-'));
    parts.defer(() => rm(folder, { recursive: true }));
    const file = path.join(folder, 'routes.json');
    await writeFile(file, moved);
    await using promgate = await startPromgate({ apps: [], values: { routes: { file } } });

    const merged = await promgate.text('/v1/apps/retail/production/shop/metrics');

    const up = samplesOf(merged, 'promgate_instance_up');
    assert.deepEqual(
      up.map(({ labels, value }) => [labels['index'], value]),
      [
        ['0', '1'],
        ['1', '0'],
      ],
    );
    assert.equal(samplesOf(merged, 'a', { index: '0' }).length, 1);
    const [failure] = samplesOf(merged, 'promfetcher_scrape_error', { index: '1' });
    assert.equal(failure?.labels['error'], 'unreachable');
    assert.match(text, /has the failure `unreachable`/);
  });

  it('has a configuration that Prometheus takes', async function () {
    const promtool = requireProgram(this, 'promtool');
    await using parts = new AsyncDisposableStack();
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-docs-'));
    parts.defer(() => rm(folder, { recursive: true }));
    const file = path.join(folder, 'prometheus.yml');
    await writeFile(file, blocks('yaml')[1] ?? '');

    await promisify(execFile)(promtool, ['check', 'config', file]); // rejects with what is wrong
  });

  it('leads only to pages that are there', () => {
    const pages = [...text.matchAll(/\]\(([\w-]+\.md)/g)].map(([, name]) => name!);

    assert.ok(pages.length > 3);
    for (const name of pages) {
      assert.ok(existsSync(new URL(`../../docs/${name}`, import.meta.url)), name);
    }
  });
});
