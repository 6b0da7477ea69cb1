import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';
import { Authority, type Certificate } from '../fetch/certificates.ts';
import { renderJob } from '../support/erb.ts';
import { SLOW_MS } from '../support/limits.ts';
import { startNatsServer } from '../support/nats-server.ts';
import { runPromgate } from '../support/program.ts';
import { startPromgateProcess } from '../support/promgate-process.ts';
import { requireProgram } from '../support/require-program.ts';

const BROKER = { username: 'broker', password: 'secret' };
const DATABASE = { user: 'promgate', password: 'p@ss/w', name: 'promgate' };
const NATS = { machines: ['10.0.0.1'], port: 4222, tls_enabled: false };
const INSTANCES = [{ address: '10.0.0.2' }];
const LINK_PROPERTIES = { nats: { port: 4224, user: 'nats', password: 'pw' } };

describe('the BOSH job promgate', function () {
  this.timeout(SLOW_MS);
  let authority: Authority;
  let pem: Certificate;
  let folder: string;

  before(async () => {
    authority = await Authority.create();
    pem = await authority.issue('promgate', 'IP:127.0.0.1');
    folder = mkdtempSync(path.join(tmpdir(), 'promgate-bosh-'));
  });
  after(async () => {
    await authority[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const base = () => ({ ca_certs: authority.ca, enable_ssl: false, broker: BROKER });
  const variants: Readonly<Record<string, () => Omit<Parameters<typeof renderJob>[1], 'job'>>> = {
    'no broker, NATS by property': () => ({
      properties: { nats: NATS, promfetcher: { ...base(), broker: { enable: false } } },
    }),
    SQLite: () => ({ persistentDisk: 1024, properties: { nats: NATS, promfetcher: base() } }),
    'MySQL, NATS by the link nats': () => ({
      links: { nats: { instances: INSTANCES, properties: LINK_PROPERTIES } },
      properties: { nats: { tls_enabled: false }, promfetcher: { ...base(), database: DATABASE } },
    }),
    'Postgres, NATS by the link nats-tls, TLS': () => ({
      links: {
        'nats-tls': {
          instances: INSTANCES,
          properties: {
            nats: { ...LINK_PROPERTIES.nats, external: { tls: { ca: authority.ca } } },
          },
        },
      },
      properties: {
        nats: { cert_chain: pem.cert, private_key: pem.key },
        promgate: { database: { adapter: 'postgres' }, auth: { mode: 'token' } },
        promfetcher: {
          ...{ ...base(), enable_ssl: true, database: { ...DATABASE, port: 5524 } },
          tls_pem: { cert_chain: pem.cert, private_key: pem.key },
          backends: { cert_chain: pem.cert, private_key: pem.key },
        },
      },
    }),
  };
  for (const [title, input] of Object.entries(variants)) {
    it(`renders what promgate accepts: ${title}`, async function () {
      const { files, error } = renderJob(this, { job: 'promgate', ...input() });
      assert.equal(error, null);
      const file = path.join(folder, 'promgate.yml');
      writeFileSync(file, files['config/promgate.yml']!);

      await using program = runPromgate(['check', '--config', file]);
      const { code } = await program.exited;

      assert.equal(program.errors.replace(/^warning: .*\n/gm, ''), '');
      assert.equal(code, 0);
    });
  }

  it('reads NATS and the database from links and properties', function () {
    const mysql = renderJob(this, {
      job: 'promgate',
      ...variants['MySQL, NATS by the link nats']!(),
    });
    const postgres = renderJob(this, {
      job: 'promgate',
      ...variants['Postgres, NATS by the link nats-tls, TLS']!(),
    });
    const [one, other] = [mysql, postgres].map(({ files }) => parse(files['config/promgate.yml']!));

    assert.deepEqual(one.routes.nats, {
      ...{ servers: ['nats://10.0.0.2:4224'], username: 'nats', password: 'pw' },
      register_interval: '20s',
    });
    assert.equal(
      one.database.url,
      'mysql://promgate:p%40ss%2Fw@sql-db.service.cf.internal:3306/promgate',
    );
    assert.match(other.database.url, /^postgres:.*:5524\/promgate$/);
    assert.deepEqual(other.routes.nats.servers, ['tls://10.0.0.2:4224']);
    assert.equal(other.routes.nats.tls.ca, authority.ca);
    assert.equal(one.broker.adopt, true);
    assert.equal(one.drain.wait, '15s');
  });

  it('starts from what is rendered', async function () {
    const input = variants['no broker, NATS by property']!();
    const { files } = renderJob(this, { job: 'promgate', ...input });
    const values = parse(files['config/promgate.yml']!);
    const listen = { host: '127.0.0.1', port: 0 };
    await using promgate = await startPromgateProcess({
      values: { ...values, listen, drain: { wait: '0s' } },
      untilReady: false,
    });

    assert.equal((await promgate.get('/healthz')).status, 200);
  });

  it('gets its routes from a NATS of the link nats-tls that demands a client certificate', async function () {
    const files = `cert_file: "${pem.certFile}", key_file: "${pem.keyFile}", ca_file: "${authority.caFile}"`;
    await using server = await startNatsServer(this, `tls { ${files}, verify: true }`);
    const port = Number(server.address.split(':')[1]);
    const nats = { port, external: { tls: { ca: authority.ca } } };
    const rendered = renderJob(this, {
      job: 'promgate',
      links: { 'nats-tls': { instances: [{ address: '127.0.0.1' }], properties: { nats } } },
      properties: {
        nats: { cert_chain: pem.cert, private_key: pem.key },
        promfetcher: {
          ...{ ...base(), broker: { enable: false } },
          start_response_delay_interval: '100ms',
        },
      },
    });
    assert.equal(rendered.error, null);
    const values = parse(rendered.files['config/promgate.yml']!);
    const listen = { host: '127.0.0.1', port: 0 };

    await using promgate = await startPromgateProcess({ values: { ...values, listen } });

    assert.equal((await promgate.get('/readyz')).status, 200);
  });

  const wrong: Readonly<Record<string, unknown>> = {
    'NATS server CA certificate not found in properties nor in "nats-tls" link. This value can be specified using the "nats.ca_certs" property.':
      { nats: { machines: ['a'], port: 1 } },
    'nats.cert_chain and nats.private_key must be both provided or not at all': {
      nats: { machines: ['a'], port: 1, ca_certs: 'x', cert_chain: 'x' },
    },
    'backends.cert_chain and backends.private_key must be both provided or not at all': {
      promfetcher: { backends: { cert_chain: 'x' } },
    },
    'ca_certs must be provided as a single string block': { promfetcher: { ca_certs: ['x'] } },
    'promfetcher.enable_ssl is true: set promfetcher.tls_pem.cert_chain and promfetcher.tls_pem.private_key':
      { promfetcher: { enable_ssl: true } },
  };
  for (const [message, given] of Object.entries(wrong)) {
    it(`does not render, and says: ${message}`, function () {
      const { nats = NATS, promfetcher = {} } = given as Readonly<Record<string, object>>;
      const { error } = renderJob(this, {
        job: 'promgate',
        properties: { nats, promfetcher: { ...base(), ...promfetcher } },
      });

      assert.match(error ?? '', /^Unable to render templates for job 'promgate'. Errors are:\n- /);
      assert.ok(error?.includes(`: ${message})`), error ?? 'no error');
    });
  }

  it('keeps pushes and bindings on the persistent disk, and asks for one', function () {
    const properties = {
      ...{ nats: NATS, promfetcher: base() },
      promgate: { push: { durability: 'disk' } },
    };
    const render = (persistentDisk: number, given: unknown = properties) =>
      renderJob(this, { job: 'promgate', properties: given, persistentDisk });

    const { push, database } = parse(render(1024).files['config/promgate.yml']!);
    assert.deepEqual(push, {
      file: '/var/vcap/store/promgate/promgate-push.db',
      durability: 'disk',
    });
    assert.equal(database.url, 'sqlite:/var/vcap/store/promgate/promgate.db');
    assert.match(render(0).error ?? '', /the broker needs a database: set promfetcher\.database/);
    const plain = { ...properties, promfetcher: { ...base(), broker: { enable: false } } };
    assert.match(render(0, plain).error ?? '', /give the instance group a persistent disk/);
    const enabled = { ...plain, promgate: { push: { enable: true } } };
    const { push: defaults, broker } = parse(render(0, enabled).files['config/promgate.yml']!);
    assert.deepEqual([defaults, broker], [{}, undefined]);
  });

  it('polls gorouters without NATS, where a property names them', function () {
    const gorouter = [{ url: 'https://gorouter.service.cf.internal:8443/routes' }];
    const { files, error } = renderJob(this, {
      job: 'promgate',
      properties: {
        promgate: { routes: { gorouter } },
        promfetcher: { ...base(), broker: { enable: false } },
      },
    });

    assert.equal(error, null);
    const { routes } = parse(files['config/promgate.yml']!);
    assert.deepEqual(routes, { max_age: '120s', gorouter });
  });

  it('lets prom_scraper read its metrics as an operator, and only if asked', function () {
    const promgate = {
      prom_scraper: { enable: true },
      auth: { operators: [{ username: 'prometheus', password: 'secret' }] },
    };
    const render = (given: unknown) =>
      renderJob(this, {
        job: 'promgate',
        properties: { nats: NATS, promfetcher: { ...base(), database: DATABASE }, promgate: given },
      }).files['config/prom_scraper_config.yml']!;

    assert.deepEqual(parse(render(promgate)), {
      ...{ port: 443, source_id: 'promgate', instance_id: 'instance-guid', scheme: 'http' },
      ...{ server_name: 'promgate', path: '/metrics' },
      headers: { Authorization: `Basic ${btoa('prometheus:secret')}` },
    });
    assert.equal(parse(render({})), null);
  });

  it('has a bpm.yml of keys that bpm knows', function () {
    const { files } = renderJob(this, { job: 'promgate', ...variants['SQLite']!() });
    const { processes } = parse(files['config/bpm.yml']!);
    const known = [
      ...['name', 'executable', 'args', 'env', 'workdir', 'hooks', 'capabilities', 'limits'],
      ...['ephemeral_disk', 'persistent_disk', 'additional_volumes', 'unsafe', 'shutdown_signal'],
    ];

    assert.equal(processes.length, 1);
    assert.deepEqual(
      Object.keys(processes[0]).filter((key) => !known.includes(key)),
      [],
    );
    assert.deepEqual(processes[0].capabilities, ['NET_BIND_SERVICE']);
    assert.equal(processes[0].persistent_disk, true);
    assert.deepEqual(processes[0].limits, { memory: '1G', open_files: 8192 });
  });

  it('has a monit file that monit accepts, and scripts that shellcheck accepts', function () {
    const input = variants['SQLite']!();
    const { files } = renderJob(this, { job: 'promgate', ...input });
    const monit = path.join(folder, 'monitrc');
    writeFileSync(monit, files['monit']!);
    chmodSync(monit, 0o600);
    const checked = spawnSync(requireProgram(this, 'monit'), ['-t', '-c', monit], {
      encoding: 'utf8',
    });
    assert.equal(checked.status, 0, checked.stdout + checked.stderr);
    const database = { ...DATABASE, host: 'h', port: 3306 };
    const link = { promgate: { instances: INSTANCES, properties: { promfetcher: { database } } } };
    const registrar = {
      cf: { api_url: 'https://api.example.com', username: 'admin', password: "it's" },
      promfetcher: { base_url: 'https://promgate.example.com', broker: BROKER },
    };
    const scripts = [
      files['bin/drain'],
      files['bin/pre-start'],
      renderJob(this, { job: 'promgate-broker-registrar', properties: registrar }).files['bin/run'],
      ...['backup', 'restore'].map(
        (name) =>
          renderJob(this, {
            job: 'bbr-promgatedb',
            links: link,
            properties: {
              release_level_backup: true,
              promgate: { database: { adapter: 'mysql' } },
            },
          }).files[`bin/bbr/${name}`],
      ),
    ];
    for (const script of scripts) {
      const { status, stdout } = spawnSync(requireProgram(this, 'shellcheck'), ['-'], {
        ...{ input: script!, encoding: 'utf8' },
      });
      assert.equal(status, 0, stdout);
    }
  });
});
