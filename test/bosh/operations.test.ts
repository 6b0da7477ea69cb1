import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { Authority } from '../fetch/certificates.ts';
import { BOSH, renderJob } from '../support/erb.ts';
import { SLOW_MS } from '../support/limits.ts';
import { applyOperations } from '../support/operations.ts';
import { runPromgate } from '../support/program.ts';

/** What promgate's operations files touch of cf-deployment. */
const CF = parse(`
instance_groups:
- name: nats
  jobs: [{ name: nats-tls, provides: { nats-tls: { as: nats-tls, shared: true } } }]
- name: database
  jobs:
  - { name: pxc-mysql, properties: { seeded_databases: [{ name: uaa }] } }
variables: [{ name: nats_client_cert }]
releases: [{ name: bpm }, { name: routing }, { name: cf-cli }]
`);
const POSTGRES = parse(`
instance_groups:
- name: database
  jobs: [{ name: postgres, properties: { databases: { databases: [], roles: [] } } }]
- { name: backup-restore, jobs: [] }
variables: []
releases: []
`);
/** An operator's file for Promfetcher: these are its property names, and one that it dropped. */
const PROMFETCHER = parse(`
- type: replace
  path: /instance_groups/-
  value:
    name: promfetcher
    jobs:
    - name: promfetch-broker-registrar
      release: promfetcher
      properties:
        cf: { api_url: https://api.example.com, username: admin, password: secret }
        promfetcher:
          base_url: https://promfetcher.example.com
          broker: { name: promfetcher, username: broker, password: secret }
    - name: promfetcher
      release: promfetcher
      properties:
        promfetcher:
          backends: { cert_chain: ((tls.certificate)), private_key: ((tls.private_key)) }
          gorouter: [{ host: gorouter.service.cf.internal, port: 8080, user: u, pass: p }]
          tls_pem: { cert_chain: ((tls.certificate)), private_key: ((tls.private_key)) }
          ca_certs: ((tls.ca))
          broker: { enable: true, username: broker, password: secret }
          skip_ssl_validation: false
          database: { user: u, password: p, host: sql-db.service.cf.internal, name: n }
          base_url: https://promfetcher.example.com
`);

const operations = (name: string) =>
  parse(readFileSync(`${BOSH}operations/${name}.yml`, 'utf8')) as Parameters<
    typeof applyOperations
  >[1];

interface Manifest {
  readonly instance_groups: readonly {
    readonly name: string;
    readonly jobs: readonly { readonly name: string; readonly properties?: unknown }[];
  }[];
  readonly variables: readonly { readonly name: string }[];
  readonly releases: readonly { readonly name: string }[];
}

function applied(start: unknown, ...names: readonly string[]): Manifest {
  return names.reduce(
    (manifest, name) => applyOperations(manifest, operations(name)),
    start,
  ) as Manifest;
}

function jobOf(manifest: Manifest, group: string, job: string) {
  const jobs = manifest.instance_groups.find(({ name }) => name === group)?.jobs ?? [];
  return jobs.find(({ name }) => name === job);
}

describe('the operations files', function () {
  this.timeout(SLOW_MS);
  let authority: Authority;
  let pem: { cert: string; key: string };
  let folder: string;

  before(async () => {
    authority = await Authority.create();
    pem = await authority.issue('promgate', 'IP:127.0.0.1');
    folder = mkdtempSync(path.join(tmpdir(), 'promgate-operations-'));
  });
  after(async () => {
    await authority[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  /** Fills in variables: certificates, and a text for every other one. */
  function filled(properties: unknown): unknown {
    const values = JSON.stringify(properties).replace(/\(\(([\w.]+)\)\)/g, (_, name: string) => {
      const text = name.endsWith('private_key')
        ? pem.key
        : name.endsWith('.ca')
          ? authority.ca
          : '';
      const other = name.endsWith('.certificate') ? pem.cert : 'a-generated-value';
      return JSON.stringify(text || other).slice(1, -1);
    });
    return JSON.parse(values);
  }

  /** The link that cf-deployment's nats-tls provides. */
  const links = () => ({
    'nats-tls': {
      instances: [{ address: '10.0.0.1' }],
      properties: {
        nats: {
          ...{ hostname: 'nats.service.cf.internal', port: 4224, user: 'nats', password: 'pw' },
          external: { tls: { ca: authority.ca } },
        },
      },
    },
  });

  async function assertAccepted(context: Mocha.Context, properties: unknown) {
    const input = { job: 'promgate', properties: filled(properties), links: links() };
    const { files, error } = renderJob(context, input);
    assert.equal(error, null);
    const file = path.join(folder, 'promgate.yml');
    writeFileSync(file, files['config/promgate.yml']!);
    await using program = runPromgate(['check', '--config', file]);
    const { code } = await program.exited;
    assert.equal(code, 0, program.errors);
    return parse(files['config/promgate.yml']!);
  }

  it('add promgate to cf-deployment, with MySQL and a client certificate for NATS', async function () {
    const manifest = applied(CF, 'add-promgate', 'use-mysql', 'enable-router-routing');
    const config = await assertAccepted(this, jobOf(manifest, 'promgate', 'promgate')?.properties);

    assert.deepEqual(config.routes.nats.servers, ['tls://nats.service.cf.internal:4224']);
    assert.equal(config.routes.nats.tls.cert, pem.cert);
    assert.match(config.database.url, /^mysql:\/\/promgate:a-generated-value@sql-db/);
    const text = stringify(manifest);
    assert.match(text, /name: promgate\n +username: promgate\n/);
    assert.ok(jobOf(manifest, 'promgate', 'route_registrar'));
    const known = new Set(manifest.variables.map(({ name }) => name));
    const own = [...text.matchAll(/\(\((promgate_\w+)/g)].map(([, name]) => name!);
    assert.deepEqual(
      own.filter((name) => !known.has(name)),
      [],
    );
  });

  it('use Postgres, back the database up, or leave out the broker', async function () {
    const manifest = applied(POSTGRES, 'add-promgate', 'use-postgres', 'enable-backup');
    const config = await assertAccepted(this, jobOf(manifest, 'promgate', 'promgate')?.properties);
    assert.match(config.database.url, /^postgres:.*:5524\/promgate$/);
    const { properties } = jobOf(manifest, 'backup-restore', 'bbr-promgatedb')!;
    const database = { user: 'u', password: 'p', name: 'n', host: 'h', port: 5524 };
    const given = { promfetcher: { database }, promgate: { database: { adapter: 'postgres' } } };
    const { files } = renderJob(this, {
      ...{ job: 'bbr-promgatedb', properties },
      links: { promgate: { instances: [{ address: 'a' }], properties: given } },
    });
    assert.deepEqual(JSON.parse(files['config/bbr.json']!), {
      ...{ username: 'u', password: 'p', database: 'n', host: 'h', port: 5524 },
      adapter: 'postgres',
    });

    const without = applied(CF, 'add-promgate', 'disable-broker');
    const plain = await assertAccepted(this, jobOf(without, 'promgate', 'promgate')?.properties);
    assert.equal(plain.broker, undefined);
    assert.equal(plain.database, undefined);
  });

  it('of Promfetcher work with the names of release and jobs replaced', async function () {
    const renamed = parse(
      stringify(PROMFETCHER)
        .replaceAll('name: promfetch-broker-registrar', 'name: promgate-broker-registrar')
        .replaceAll(
          'name: promfetcher\n        release: promfetcher',
          'name: promgate\n        release: promgate',
        ),
    );
    const manifest = applyOperations(CF, renamed) as Manifest;
    const { properties } = jobOf(manifest, 'promfetcher', 'promgate')!;

    const config = await assertAccepted(this, properties);
    assert.equal(config.listen.port, 443);
    const registrar = jobOf(manifest, 'promfetcher', 'promgate-broker-registrar')!;
    const { error } = renderJob(this, { job: registrar.name, properties: registrar.properties });
    assert.equal(error, null);
  });

  it('are refused where their place is missing', () => {
    assert.throws(() => applied(CF, 'enable-router-routing'), /there is no name=promgate/);
  });
});
