import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import {
  ConfigError,
  type ConfigSources,
  configWarnings,
  describeConfig,
  readConfig,
} from '../../src/config/config.ts';
import { parseDatabaseUrl } from '../../src/config/database-url.ts';
import { CertificateFolder } from '../serve/openssl.ts';

const MEMORY = { memoryBytes: 2 ** 30 };

class TextFile implements AsyncDisposable {
  readonly name: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.name = path.join(folder, 'promgate.yml');
  }

  static async with(content: string | Uint8Array): Promise<TextFile> {
    const file = new TextFile(await mkdtemp(path.join(tmpdir(), 'promgate-config-')));
    await writeFile(file.name, content);
    return file;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }
}

/** @returns the faults, with the file's name shortened to `yml` */
async function faultsOf(sources: Omit<ConfigSources, 'memoryBytes'>): Promise<readonly string[]> {
  try {
    await readConfig({ ...MEMORY, ...sources });
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.faults.map((fault) => fault.replaceAll(sources.file ?? '\0', 'yml'));
  }
  return [];
}

async function faultsOfYaml(yaml: string | Uint8Array): Promise<readonly string[]> {
  await using file = await TextFile.with(yaml);
  return await faultsOf({ file: file.name });
}

describe('readConfig', () => {
  it('takes defaults that work on a laptop', async () => {
    const config = await readConfig(MEMORY);

    assert.deepEqual(config.listen, {
      host: '0.0.0.0',
      port: 8085,
      tls: undefined,
      healthPort: undefined,
      maxConnections: 4096,
    });
    assert.equal(config.scrape.timeoutMs, 30_000);
    assert.equal(config.scrape.maxTimeoutMs, 60_000);
    assert.equal(config.scrape.concurrency, 512);
    assert.equal(config.scrape.perApp, 128);
    assert.equal(config.scrape.maxBodyBytes, 16 * 2 ** 20);
    assert.equal(config.scrape.maxBytes, 2 ** 28, 'a quarter of the memory limit');
    assert.equal(config.drain.waitMs, 2000);
    assert.equal(config.auth.mode, 'open');
    assert.equal(config.cache.mode, 'live');
  });

  it('gives a small machine room for one page at least', async () => {
    const { scrape } = await readConfig({ memoryBytes: 2 ** 24 });
    assert.equal(scrape.maxBytes, scrape.maxBodyBytes);
  });

  it('is frozen through and through', async () => {
    const config = await readConfig({
      ...MEMORY,
      values: { routes: { nats: { servers: ['nats://127.0.0.1:4222'] } } },
    });
    const isFrozen = (value: unknown): boolean =>
      typeof value !== 'object' ||
      value === null ||
      (Object.isFrozen(value) && Object.values(value).every(isFrozen));
    assert.ok(isFrozen(config));
  });

  it('reads every kind of key from a file', async () => {
    await using file = await TextFile.with(`
listen: { host: 127.0.0.1, port: 0, health_port: 8080 }
routes:
  gorouter:
    - { url: "http://127.0.0.1:8082/routes", username: router-status, password: "p: w", interval: 10s }
    - { url: "https://10.0.0.2:8443/routes", max_body: 1MiB }
  nats: { servers: ["nats://10.0.0.1:4222", "tls://10.0.0.2:4222"], register_interval: 5s, enough: 20, greet: true }
  file: ./routes.json
  require_tls: true
scrape: { timeout: 10s, max_timeout: 1m30s, max_bytes: 64MiB, label_conflict: honor, export_job: false, loop_id: east }
external_exporters:
  - { host: "10.0.0.3:9100", params: { app: ["{{.AppID}}", "{{ .AppName }}-x"] } }
  - { name: b, host: exporter.example.com, scheme: https, metrics_path: /probe?module=http }
auth: { mode: basic, operators: [{ username: ops, password: s3cret }] }
log: { level: debug }
drain: { wait: 15s }
sd: { address: "promgate.example.com:443", scheme: https }
`);

    const config = await readConfig({ ...MEMORY, file: file.name });

    assert.deepEqual(config.routes, {
      gorouter: [
        {
          url: 'http://127.0.0.1:8082/routes',
          username: 'router-status',
          password: 'p: w',
          intervalMs: 10_000,
          maxBodyBytes: 2 ** 28,
          tls: undefined,
        },
        {
          url: 'https://10.0.0.2:8443/routes',
          username: undefined,
          password: undefined,
          intervalMs: 15_000,
          maxBodyBytes: 2 ** 20,
          tls: undefined,
        },
      ],
      nats: {
        servers: ['nats://10.0.0.1:4222', 'tls://10.0.0.2:4222'],
        username: undefined,
        password: undefined,
        tls: undefined,
        registerIntervalMs: 5000,
        enough: 20,
        greet: true,
      },
      cfApi: undefined,
      file: './routes.json',
      maxAgeMs: 120_000,
      requireTls: true,
    });
    assert.equal(config.scrape.maxTimeoutMs, 90_000);
    assert.equal(config.scrape.labelConflict, 'honor');
    assert.equal(config.scrape.exportJob, false);
    assert.equal(config.scrape.loopId, 'east');
    assert.deepEqual(config.externalExporters, [
      {
        name: '10.0.0.3:9100/metrics',
        host: '10.0.0.3:9100',
        metricsPath: '/metrics',
        scheme: 'http',
        params: { app: ['{{.AppID}}', '{{ .AppName }}-x'] },
      },
      {
        name: 'b',
        host: 'exporter.example.com',
        metricsPath: '/probe?module=http',
        scheme: 'https',
        params: {},
      },
    ]);
    assert.deepEqual(config.auth.operators, [{ username: 'ops', password: 's3cret' }]);
    assert.deepEqual(config.sd, { address: 'promgate.example.com:443', scheme: 'https' });
  });

  it('takes an empty file, and sections with all their keys commented out', async () => {
    assert.deepEqual(await faultsOfYaml(''), []);
    assert.deepEqual(await faultsOfYaml('listen:\n  # port: 1\nscrape:\n'), []);
  });

  it('prefers the command line to the environment, VCAP_SERVICES and the file', async () => {
    await using file = await TextFile.with(
      'scrape: { timeout: 1s, per_app: 1, concurrency: 1, max_timeout: 50s }',
    );
    const services = {
      'user-provided': [
        {
          name: 'promgate',
          credentials: { scrape: { timeout: '2s', per_app: 2, concurrency: '2' } },
        },
      ],
    };

    const { scrape } = await readConfig({
      ...MEMORY,
      file: file.name,
      environment: {
        VCAP_SERVICES: JSON.stringify(services),
        PROMGATE_SCRAPE_TIMEOUT: '3s',
        PROMGATE_SCRAPE_PER_APP: '3',
      },
      flags: [{ key: 'scrape.timeout', text: '4s', name: '--set scrape.timeout' }],
    });

    assert.equal(scrape.timeoutMs, 4000, 'command line');
    assert.equal(scrape.perApp, 3, 'environment');
    assert.equal(scrape.concurrency, 2, 'VCAP_SERVICES');
    assert.equal(scrape.maxTimeoutMs, 50_000, 'file');
  });

  it("takes Cloud Foundry's PORT, and PROMGATE_LISTEN_PORT over it", async () => {
    const port = async (environment: Record<string, string>) =>
      (await readConfig({ ...MEMORY, environment })).listen.port;
    assert.equal(await port({ PORT: '8080' }), 8080);
    assert.equal(await port({ PORT: '8080', PROMGATE_LISTEN_PORT: '8081' }), 8081);
  });

  it('reads lists of the environment as JSON or separated by commas', async () => {
    const { routes, auth } = await readConfig({
      ...MEMORY,
      environment: {
        PROMGATE_ROUTES_NATS_SERVERS: 'nats://a:4222, nats://b:4222',
        PROMGATE_ROUTES_GOROUTER: '[{"url":"http://127.0.0.1/routes","interval":"5s"}]',
        PROMGATE_ROUTES_REQUIRE_TLS: 'true',
        PROMGATE_AUTH_MODE: 'basic',
        PROMGATE_AUTH_OPERATORS: '[{"username":"a","password":"b"}]',
      },
    });

    assert.deepEqual(routes.nats?.servers, ['nats://a:4222', 'nats://b:4222']);
    assert.equal(routes.gorouter[0]?.intervalMs, 5000);
    assert.equal(routes.requireTls, true);
    assert.deepEqual(auth.operators, [{ username: 'a', password: 'b' }]);
  });

  it('reads credentials of services that are named or tagged promgate, of no other', async () => {
    const services = {
      'user-provided': [
        { name: 'metrics-config', tags: ['promgate'], credentials: { drain: '{"wait":"5s"}' } },
        { name: 'promgate', credentials: { log: { level: 'debug' } } },
        { name: 'other', credentials: { log: { level: 'error' } } },
      ],
      p2: [{ name: 'db', tags: null, credentials: null }],
    };
    const environment = { VCAP_SERVICES: JSON.stringify(services) };

    const { drain, log } = await readConfig({ ...MEMORY, environment });

    assert.equal(drain.waitMs, 5000);
    assert.equal(log.level, 'debug');
  });

  it('names the loop guard after the CF app, so that its replicas share it', async () => {
    const loopId = async (environment: Record<string, string>) =>
      (await readConfig({ ...MEMORY, environment })).scrape.loopId;
    assert.equal(await loopId({}), 'promgate');
    assert.equal(await loopId({ VCAP_APPLICATION: '{"application_id":"4f-2"}' }), '4f-2');
    assert.equal(await loopId({ VCAP_APPLICATION: 'not JSON' }), 'promgate');
  });

  it('knows what promgate is on Cloud Foundry, as far as the platform says it', async () => {
    const ownApp = async (environment: Record<string, string>) =>
      (await readConfig({ ...MEMORY, environment })).ownApp;
    const application = {
      ...{ application_id: '4f-2', application_name: 'promgate' },
      ...{ organization_name: 'platform', space_name: 'x'.repeat(300), space_id: 7 },
    };
    const unknown = {
      appName: undefined,
      spaceName: undefined,
      organizationName: undefined,
      apiUrl: undefined,
    };

    assert.equal(await ownApp({ CF_INSTANCE_INDEX: '1' }), undefined);
    assert.deepEqual(
      await ownApp({ VCAP_APPLICATION: JSON.stringify(application), CF_INSTANCE_INDEX: '1' }),
      {
        ...{ appId: '4f-2', appName: 'promgate', organizationName: 'platform', index: '1' },
        ...{ spaceName: undefined, apiUrl: undefined },
      },
    );
    assert.deepEqual(await ownApp({ VCAP_APPLICATION: '[', CF_INSTANCE_INDEX: 'x' }), {
      ...unknown,
      ...{ appId: undefined, index: undefined },
    });
  });

  it('leaves variables alone that Kubernetes and the tests set', async () => {
    const environment = {
      PROMGATE_CONFIG: 'x',
      PROMGATE_PORT: 'tcp://10.0.0.1:80',
      PROMGATE_PORT_80_TCP_ADDR: '10.0.0.1',
      PROMGATE_SERVICE_HOST: '10.0.0.1',
      PROMGATE_SERVICE_PORT_HTTP: '80',
      PROMGATE_REQUIRE_SERVICES: '1',
    };
    assert.deepEqual(await faultsOf({ environment }), []);
  });
});

const DURATION = 'must be a duration such as 500ms, 15s, 10m or 1h30m,';
const SIZE = 'must be a size such as 64KB, 16MiB or 1GiB,';
const CLIENT = 'without user name and password in it';

/** One wrong configuration file, and the one line it is refused with. */
const WRONG_FILES: readonly (readonly [yaml: string, fault: string])[] = [
  ['listen: 8085', 'yml:1: listen is 8085, but must be a mapping'],
  ['listen: secret', 'yml:1: listen is a text, but must be a mapping'],
  ['listen: { host: "a b" }', 'yml:1: listen.host is "a b", but must be a host name or IP address'],
  [
    'listen: { port: 65536 }',
    'yml:1: listen.port is 65536, but must be a whole number from 0 to 65535',
  ],
  [
    'listen: { port: "80" }',
    'yml:1: listen.port is "80", but must be a whole number from 0 to 65535',
  ],
  [
    'listen: { port: 80.5 }',
    'yml:1: listen.port is 80.5, but must be a whole number from 0 to 65535',
  ],
  ['listen: { port: }', 'yml:1: listen.port is empty, but must be a whole number from 0 to 65535'],
  [
    'listen: { port: [80] }',
    'yml:1: listen.port is a list, but must be a whole number from 0 to 65535',
  ],
  [
    'listen:\n  port: 80\n  health_port: 80',
    'yml:3: listen.health_port is 80, but must be another port than listen.port',
  ],
  [
    'auth: { trusted_proxies: ["10.0.0.1", "::/0", 10.0.0.0/33] }',
    'yml:1: auth.trusted_proxies[2] is "10.0.0.0/33", but must be an IP address, or a network such as 10.0.0.0/8',
  ],
  [
    'auth: { trusted_proxies: [gorouter] }',
    'yml:1: auth.trusted_proxies[0] is "gorouter", but must be an IP address, or a network such as 10.0.0.0/8',
  ],
  [
    'listen: { max_connections: 0 }',
    'yml:1: listen.max_connections is 0, but must be a whole number from 1 to 1000000',
  ],
  [
    'listen: { tls: { cert: /no/such, key: /no/such } }',
    'yml:1: listen.tls.cert is "/no/such", but must be the path of a PEM file with a certificate, or the PEM text itself: there is no such file',
  ],
  [
    'listen: { tls: { client_ca: /etc/hostname } }',
    'yml:1: listen.tls.cert is missing; it must be the path of a PEM file with a certificate, or the PEM text itself',
  ],
  ['routes: { gorouter: "http://x" }', 'yml:1: routes.gorouter is a text, but must be a list'],
  [
    'routes: { gorouter: [{}] }',
    `yml:1: routes.gorouter[0].url is missing; it must be a URL that begins with http:// or https://, ${CLIENT}`,
  ],
  [
    'routes: { gorouter: [{ url: "http://u:p@h/routes" }] }',
    `yml:1: routes.gorouter[0].url is "http://********@h/routes", but must be a URL that begins with http:// or https://, ${CLIENT}`,
  ],
  [
    'routes: { gorouter: [{ url: "ftp://h?token=t" }] }',
    `yml:1: routes.gorouter[0].url is "ftp://h?token=********", but must be a URL that begins with http:// or https://, ${CLIENT}`,
  ],
  [
    'routes: { gorouter: [{ url: "http://h", username: a }] }',
    'yml:1: routes.gorouter[0].password is missing; it must be set, since username is',
  ],
  [
    'routes: { gorouter: [{ url: "http://h", username: "a:b", password: c }] }',
    'yml:1: routes.gorouter[0].username is "a:b", but must be a text without colons and control characters',
  ],
  [
    'routes: { gorouter: [{ url: "http://h", interval: 1ms }] }',
    `yml:1: routes.gorouter[0].interval is "1ms", but ${DURATION} from 1s to 1h`,
  ],
  [
    'routes: { gorouter: [{ url: "http://h", max_body: 1B }] }',
    `yml:1: routes.gorouter[0].max_body is "1B", but ${SIZE} from 1KiB to 1GiB`,
  ],
  ['routes: { nats: {} }', 'yml:1: routes.nats.servers is missing; it must be a list'],
  [
    'routes: { nats: { servers: [] } }',
    'yml:1: routes.nats.servers is an empty list, but must be a list of at least one server',
  ],
  [
    'routes: { nats: { servers: ["10.0.0.1:4222"] } }',
    `yml:1: routes.nats.servers[0] is "10.0.0.1:4222", but must be a URL that begins with nats:// or tls://, ${CLIENT}`,
  ],
  [
    'routes: { nats: { servers: ["nats://h"], password: [1] , username: x} }',
    'yml:1: routes.nats.password is ********, but must be a text without control characters, at most 1024 long',
  ],
  [
    'routes: { nats: { servers: ["nats://h"], greet: yes } }',
    'yml:1: routes.nats.greet is "yes", but must be true or false',
  ],
  [
    'routes: { nats: { servers: ["nats://h"], tls: { key: /k } } }',
    'yml:1: routes.nats.tls.cert is missing; it must be set, since key is',
  ],
  [
    'routes: { nats: { servers: ["nats://h"], register_interval: 20 } }',
    `yml:1: routes.nats.register_interval is 20, but ${DURATION} from 100ms to 1h`,
  ],
  ['routes: { file: "" }', 'yml:1: routes.file is "", but must be the path of a file'],
  ['routes: { require_tls: 1 }', 'yml:1: routes.require_tls is 1, but must be true or false'],
  [
    'scrape:\n\n  timeout: soon',
    `yml:3: scrape.timeout is "soon", but ${DURATION} from 100ms to 1h`,
  ],
  [
    'scrape: { timeout: 99s }',
    'yml:1: scrape.timeout is "99s", but must be at most scrape.max_timeout',
  ],
  [
    'scrape: { max_timeout: 10s }',
    'yml:1: scrape.timeout is "30s", but must be at most scrape.max_timeout',
  ],
  [
    'scrape: { concurrency: 0 }',
    'yml:1: scrape.concurrency is 0, but must be a whole number from 1 to 65535',
  ],
  [
    'scrape: { per_app: many }',
    'yml:1: scrape.per_app is "many", but must be a whole number from 1 to 65535',
  ],
  ['scrape: { max_body: 16M }', `yml:1: scrape.max_body is "16M", but ${SIZE} from 1KiB to 256MiB`],
  [
    'scrape: { max_bytes: 1MiB }',
    'yml:1: scrape.max_bytes is "1MiB", but must be at least scrape.max_body',
  ],
  [
    'scrape: { label_conflict: honour }',
    'yml:1: scrape.label_conflict is "honour", but must be one of exported, drop, honor',
  ],
  [
    'scrape: { export_job: "true" }',
    'yml:1: scrape.export_job is "true", but must be true or false',
  ],
  [
    'scrape: { loop_id: "a b" }',
    'yml:1: scrape.loop_id is "a b", but must be letters, digits, dots, dashes and underscores, at most 64',
  ],
  [
    'external_exporters: [{ name: x }]',
    'yml:1: external_exporters[0].host is missing; it must be a host or host:port',
  ],
  [
    'external_exporters: [{ host: h, scheme: ftp }]',
    'yml:1: external_exporters[0].scheme is "ftp", but must be one of http, https',
  ],
  [
    'external_exporters: [{ host: h, metrics_path: //h }]',
    'yml:1: external_exporters[0].metrics_path is "//h", but must be a path that begins with one /, of ASCII without blanks, # and backslashes',
  ],
  [
    'external_exporters: [{ host: h, params: { a: b } }]',
    'yml:1: external_exporters[0].params.a is a text, but must be a list of texts',
  ],
  [
    'external_exporters: [{ host: h }, { host: h }]',
    'yml:1: external_exporters is a list, but must be a list in which every name occurs once',
  ],
  [
    'auth: { mode: token }',
    'yml:1: auth is a mapping, but needs broker.username and broker.password in mode token or both: bindings give tokens',
  ],
  [
    'auth: { mode: both, operators: [{ username: a, password: b }] }\nbroker: { accounts: [] }',
    'yml:1: auth is a mapping, but needs broker.username and broker.password in mode token or both: bindings give tokens',
  ],
  [
    'broker: { username: cf }',
    'yml:1: broker.password is missing; it must be set, since username is',
  ],
  [
    'broker: { username: cf, password: p, accounts: [{ username: cf, password: q }] }',
    'yml:1: broker is a mapping, but must give every account a user name of its own',
  ],
  [
    'broker: { service_name: Prom Fetcher }',
    'yml:1: broker.service_name is "Prom Fetcher", but must be lower-case letters, digits and dashes, at most 64',
  ],
  [
    'database: { url: "oracle://u:hunter2@h/db" }',
    'yml:1: database.url is ********, but must be sqlite:<file>, postgres://<user>:<password>@<host>/<database> or mysql://…',
  ],
  [
    'database: { url: "postgres://u:hun ter2@h/db" }',
    'yml:1: database.url is ********, but must be sqlite:<file>, postgres://<user>:<password>@<host>/<database> or mysql://…',
  ],
  [
    'database: { url: "postgres://u:hunter%zz@h/db" }',
    'database.url cannot be used: the database URL holds a % that begins no percent-encoded character: write it as %25; allowed are sqlite:<file>, postgres://user:password@host:port/database and mysql://user:password@host:port/database, user and password percent-encoded',
  ],
  [
    'database: { encryption_key: hunter2 }',
    'yml:1: database.encryption_key is ********, but must be a text of 16 to 1024 characters without control characters',
  ],
  [
    'auth: { mode: none }',
    'yml:1: auth.mode is "none", but must be one of open, token, basic, both',
  ],
  [
    'auth: { mode: basic }',
    'yml:1: auth.operators is an empty list, but must name at least one operator, since auth.mode is basic',
  ],
  [
    'auth: { operators: [{ username: a, password: b }] }',
    'yml:1: auth.operators is a list, but must be empty while auth.mode is open, which asks nobody for a password',
  ],
  [
    'auth: { mode: basic, operators: [{ username: a }] }',
    'yml:1: auth.operators[0].password is missing; it must be a text without control characters, at most 1024 long',
  ],
  [
    'auth: { mode: basic, operators: "a:secret" }',
    'yml:1: auth.operators is a text, but must be a list',
  ],
  [
    'log: { level: trace }',
    'yml:1: log.level is "trace", but must be one of debug, info, warn, error',
  ],
  ['drain: { wait: 1h }', `yml:1: drain.wait is "1h", but ${DURATION} from 0s to 10m`],
  [
    'sd: { address: "http://h" }',
    'yml:1: sd.address is "http://h", but must be a host or host:port',
  ],
  ['sd: { scheme: HTTPS }', 'yml:1: sd.scheme is "HTTPS", but must be one of http, https'],
  [
    'cache: { mode: warm }',
    'yml:1: cache.mode is "warm", but must be one of live, ttl, background',
  ],
  [
    'scrape: { timout: 1s }',
    'yml:1: scrape.timout is not a key of promgate; did you mean timeout?',
  ],
  [
    'sd: { colour: red }',
    'yml:1: sd.colour is not a key of promgate; known keys here are address, scheme',
  ],
  ...[
    ...[
      '"http://x/"',
      '"x:0"',
      '"x:65536"',
      '"10.0.0.0/33"',
      '"999.1.1.1"',
      '"a b"',
      '"[::1"',
      '"é"',
    ],
    ...['"user@x"', '"fe80::1%eth0"', '"::1/129"', '"x/y"', '""'],
  ].map((rule): [string, string] => [
    `endpoints: { allow: [${rule}] }`,
    `yml:1: endpoints.allow[0] is ${rule}, but must be a host such as *.example.com or *.example.com:9100, or a network such as 10.1.0.0/16`,
  ]),
  ...['"*"', '"*:9100"', '"0.0.0.0/0"', '"::/0"'].map((rule): [string, string] => [
    `endpoints: { allow: ["*"], pass_auth: [${rule}] }`,
    `yml:1: endpoints.pass_auth[0] is ${rule}, but must be a host such as *.example.com or *.example.com:9100, or a network such as 10.1.0.0/16, but not all of them`,
  ]),
  [
    'endpoints: { allow: ["*"], pass_headers: [Cookie] }',
    'yml:1: endpoints.pass_headers[0] is "Cookie", but must be the name of a header that promgate does not set itself and that is no credential',
  ],
  [
    'endpoints: { deny: ["x"] }',
    'yml:1: endpoints.allow is an empty list, but must name at least one endpoint, since other keys of endpoints are set',
  ],
  ['lissten: {}', 'yml:1: lissten is not a key of promgate; did you mean listen?'],
  [
    'log: { __proto__: 1 }',
    'yml:1: log.__proto__ is not a key of promgate; known keys here are level',
  ],
  ['log: { "a\\nb": 1 }', 'yml:1: log."a\\nb" is not a key of promgate; known keys here are level'],
  [
    'kafka: { brokers: [] }',
    'yml:1: kafka.brokers is an empty list, but must be a list of at least one broker',
  ],
  [
    'query: { server_groups: [] }',
    'yml:1: query.server_groups is an empty list, but must be a list of at least one group',
  ],
  ['- 1', 'yml:1: must be a mapping of sections'],
  ['text', 'yml:1: must be a mapping of sections'],
  [
    'log: { level: info }\nlog: { level: info }',
    'yml:2: is not valid YAML: Map keys must be unique',
  ],
  ['log:\n\tlevel: info', 'yml:2: is not valid YAML: Tabs are not allowed as indentation'],
  [
    'log: { level: *info }',
    'yml: is not valid YAML: Unresolved alias (the anchor must be set before the alias): info',
  ],
  ['log: { level: !secret info }', 'yml:1: is not valid YAML: Unresolved tag: !secret'],
  [
    'log: { level: info }\n---\nlog: {}',
    'yml:2: is not valid YAML: Source contains multiple documents; please use YAML.parseAllDocuments()',
  ],
];

describe('a wrong configuration file', () => {
  for (const [yaml, fault] of WRONG_FILES) {
    it(`is refused: ${yaml.replaceAll(/\s+/g, ' ')}`, async () => {
      const faults = await faultsOfYaml(yaml);
      assert.ok(faults.includes(fault), faults.join('\n'));
      for (const line of faults) assert.doesNotMatch(line, /[\n\r]/);
    });
  }

  it('is refused with all its faults together, those of a rule beside others', async () => {
    const faults = await faultsOfYaml(`
listen: { port: x, health_port: y }
scrape: { timeout: 2m, per_app: 0, colour: red }
auth: { mode: basic, operators: [] }
`);
    assert.deepEqual(
      faults.map((fault) => /^yml:\d+: ([\w.]+)/.exec(fault)?.[1]),
      [
        'listen.port',
        'listen.health_port',
        'scrape.per_app',
        'scrape.colour',
        'scrape.timeout',
        'auth.operators',
      ],
    );
  });

  it('is refused when it multiplies by aliases', async () => {
    const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x]'];
    for (let i = 1; i < 12; i += 1) lines.push(`a${i}: &a${i} [${`*a${i - 1},`.repeat(9)}]`);

    const [fault = ''] = await faultsOfYaml(lines.join('\n'));

    assert.match(fault, /^yml: is not valid YAML: Excessive alias count/);
  });

  it('is refused when it is nested too deep', async () => {
    const faults = await faultsOfYaml('['.repeat(100_000));
    assert.notEqual(faults.length, 0);
    for (const fault of faults) assert.match(fault, /^yml:1: is not valid YAML: /);
  });

  it('is refused when it is no UTF-8, too large, a directory or not there', async () => {
    assert.deepEqual(await faultsOfYaml(Uint8Array.of(0x61, 0xff)), [
      'yml: cannot be read: the file is not UTF-8',
    ]);
    assert.deepEqual(await faultsOfYaml(`# ${'x'.repeat(1 << 20)}`), [
      'yml: cannot be read: the file is larger than 1MiB',
    ]);
    assert.deepEqual(await faultsOf({ file: tmpdir() }), [
      'yml: cannot be read: this is a directory',
    ]);
    assert.deepEqual(await faultsOf({ file: '/no/such.yml' }), [
      'yml: cannot be read: there is no such file',
    ]);
  });

  it('tells which placeholder is wrong, and cites only one that names a field', async () => {
    const said = async (text: string) => {
      const params = JSON.stringify({ a: ['right {{.AppID}}', text] });
      const [fault = ''] = await faultsOfYaml(
        `external_exporters: [{ host: h, params: ${params} }]`,
      );
      return /params\.a\[1\] is (.*), but must be a text in which/.exec(fault)?.[1];
    };

    assert.equal(await said('{{.AppID}} {{ .Nope }}'), 'a text whose 2. {{ }} holds {{.Nope}}');
    assert.equal(await said('{{ hunter2 }}'), 'a text whose {{ }} holds something else');
    assert.equal(await said('{{.AppID}} {{ hunter2'), 'a text whose 2. {{ has no end');
    assert.equal(await said('hunter2\u0001'), 'a text');
  });

  it('never shows a secret', async () => {
    const faults = await faultsOfYaml(`
routes: { gorouter: [{ url: "http://u:hunter2@h" }], nats: { servers: hunter2, password: [hunter2] } }
auth: { mode: basic, operators: [hunter2, { username: a, password: "hunter2\\0" }] }
external_exporters: [{ host: h, params: { token: hunter2, key: ["{{hunter2}}"] } }]
`);
    assert.ok(faults.length >= 7, faults.join('\n'));
    assert.doesNotMatch(faults.join('\n'), /hunter2/);
  });
});

/** One wrong variable of the environment, and the line it is refused with. */
const WRONG_VARIABLES: readonly (readonly [name: string, value: string, fault: string])[] = [
  ['PORT', 'eighty', 'PORT: listen.port is "eighty", but must be a whole number from 0 to 65535'],
  ['PORT', '', 'PORT: listen.port is "", but must be a whole number from 0 to 65535'],
  [
    'PROMGATE_SCRAPE_TIMEOUT',
    '5',
    `PROMGATE_SCRAPE_TIMEOUT: scrape.timeout is "5", but ${DURATION} from 100ms to 1h`,
  ],
  [
    'PROMGATE_ROUTES_REQUIRE_TLS',
    'True',
    'PROMGATE_ROUTES_REQUIRE_TLS: routes.require_tls is "True", but must be true or false',
  ],
  [
    'PROMGATE_ROUTES_GOROUTER',
    'http://x',
    'PROMGATE_ROUTES_GOROUTER: routes.gorouter is a text, but must be a list, as JSON',
  ],
  [
    'PROMGATE_ROUTES_GOROUTER',
    '[{"url":1}]',
    `PROMGATE_ROUTES_GOROUTER: routes.gorouter[0].url is 1, but must be a URL that begins with http:// or https://, ${CLIENT}`,
  ],
  [
    'PROMGATE_SCRAPE_TIMOUT',
    '5s',
    'PROMGATE_SCRAPE_TIMOUT: is not a variable of promgate; did you mean PROMGATE_SCRAPE_TIMEOUT?',
  ],
  ['PROMGATE_COLOUR', 'red', 'PROMGATE_COLOUR: is not a variable of promgate'],
  ['VCAP_SERVICES', '{', 'VCAP_SERVICES: is not a JSON object'],
  ['VCAP_SERVICES', '[]', 'VCAP_SERVICES: is not a JSON object'],
  [
    'VCAP_SERVICES',
    '{"u":[{"name":"promgate","credentials":"x"}]}',
    'VCAP_SERVICES, service "promgate": its credentials are not a mapping',
  ],
  [
    'VCAP_SERVICES',
    '{"u":[{"name":"promgate","credentials":{"log":{"level":"x"}}}]}',
    'VCAP_SERVICES, service "promgate": log.level is "x", but must be one of debug, info, warn, error',
  ],
  [
    'VCAP_SERVICES',
    '{"u":[{"name":"c","tags":["promgate"],"credentials":{"colour":1}}]}',
    'VCAP_SERVICES, service "c": colour is not a key of promgate; known keys here are listen, routes, scrape, external_exporters, auth, broker, database, log, drain, sd, cache, redis, kafka, endpoints, push, query',
  ],
];

describe('a wrong environment', () => {
  for (const [name, value, fault] of WRONG_VARIABLES) {
    it(`is refused: ${name}=${value}`, async () => {
      assert.deepEqual(await faultsOf({ environment: { [name]: value } }), [fault]);
    });
  }

  it('is refused with the flag or variable that said so', async () => {
    const flags = [
      { key: 'log.level', text: 'x', name: '--set log.level' },
      { key: 'log.leve', text: 'info', name: '--set log.leve' },
    ];
    assert.deepEqual(await faultsOf({ flags }), [
      '--set log.leve: is not a key of promgate; did you mean log.level?',
      '--set log.level: log.level is "x", but must be one of debug, info, warn, error',
    ]);
  });
});

describe('PEM files of the configuration', () => {
  it('must hold a certificate and its own key', async () => {
    using certificates = new CertificateFolder();
    const one = certificates.selfSigned('one');
    const other = certificates.selfSigned('other');
    const faults = (cert: string, key: string) =>
      faultsOf({ values: { listen: { tls: { cert, key } } } });

    assert.deepEqual(await faults(one.cert, one.key), []);
    assert.deepEqual(await faults(one.cert, other.key), [
      `listen.tls.key is "${other.key}", but must be the key of the certificate in listen.tls.cert`,
    ]);
    assert.deepEqual(await faults(one.key, one.cert), [
      `listen.tls.cert is "${one.key}", but must be the path of a PEM file with a certificate, or the PEM text itself: the file holds no readable one`,
      `listen.tls.key is "${one.cert}", but must be the path of a PEM file with a key, or the PEM text itself: the file holds no readable one`,
    ]);
  });

  it('may stand in the configuration as text, which no message and no output holds', async () => {
    using certificates = new CertificateFolder();
    const [one, other] = ['one', 'other'].map((name) => certificates.selfSigned(name));
    const [cert, key, foreignKey] = [one!.cert, one!.key, other!.key].map((file) =>
      readFileSync(file, 'utf8'),
    );
    const faults = (values: unknown) => faultsOf({ values: { listen: { tls: values } } });

    assert.deepEqual(await faults({ cert, key: one!.key }), []);
    assert.deepEqual(await faults({ cert, key: foreignKey }), [
      'listen.tls.key is a PEM text, but must be the key of the certificate in listen.tls.cert',
    ]);
    assert.deepEqual(await faults({ cert: key, key }), [
      'listen.tls.cert is a PEM text, but must be the path of a PEM file with a certificate, or the PEM text itself: it holds no readable one',
    ]);
    assert.deepEqual(await faultsOf({ values: { log: { level: key } } }), [
      'log.level is a PEM text, but must be one of debug, info, warn, error',
    ]);
    const { yaml } = await describeConfig({
      values: { listen: { tls: { cert, key } } },
      memoryBytes: 2 ** 30,
    });
    assert.match(yaml, /tls:\n +cert: \(PEM text\)\n +key: \(PEM text\)\n/);
  });
});

describe('any text', () => {
  const fragments = fc.constantFrom(
    ...['listen:', 'routes:', ' port: ', '\n', '  ', '- ', '{', '}', '[', ']', '&a ', '*a', '"'],
    ...['nats', 'scrape: {timeout: 5s}', '__proto__:', 'constructor:', '!!map', '? ', '|', '<<: '],
  );
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc
      .array(fc.oneof(fragments, fc.string({ maxLength: 5 })), { maxLength: 30 })
      .map((parts) => parts.join('')),
    fc.json(),
  );

  it('as a file, a service or a variable gives a configuration or a ConfigError', async () => {
    await using file = await TextFile.with('');
    await fc.assert(
      fc.asyncProperty(texts, fc.jsonValue(), fc.string(), async (yaml, credentials, text) => {
        await writeFile(file.name, yaml);
        const services = { u: [{ name: 'promgate', credentials }] };
        const environment = {
          VCAP_SERVICES: JSON.stringify(services),
          PROMGATE_ROUTES_GOROUTER: text,
          PROMGATE_LISTEN_PORT: text,
        };
        const faults = await faultsOf({ file: file.name, environment });
        for (const fault of faults) assert.doesNotMatch(fault, /[\n\r]/);
      }),
      { numRuns: 300 },
    );
  });
});

describe('describeConfig', () => {
  it('prints what takes effect, with secrets masked', async () => {
    const { yaml } = await describeConfig({
      ...MEMORY,
      values: {
        routes: {
          gorouter: [{ url: 'http://h/routes?key=hunter2', username: 'u', password: 'hunter2' }],
        },
        external_exporters: [
          {
            host: 'h',
            metrics_path: '/probe?module=icmp&token=hunter2',
            params: { token: ['hunter2'], app: ['{{.AppID}}'] },
          },
        ],
        auth: { mode: 'basic', operators: [{ username: 'ops', password: 'hunter2' }] },
      },
      environment: { PORT: '8080' },
    });

    assert.doesNotMatch(yaml, /hunter2/);
    assert.match(yaml, /^ {2}port: 8080$/m);
    assert.match(yaml, /^ {6}interval: 15s$/m);
    assert.match(yaml, /^ {2}max_bytes: 256MiB$/m);
    assert.match(yaml, /^ {6}password: "\*{8}"$/m);
    assert.match(yaml, /^ {4}metrics_path: \/probe\?module=icmp&token=\*{8}$/m);
    assert.match(yaml, /^ {8}- "\{\{\.AppID\}\}"$/m);
  });

  it('advises to keep credentials from endpoints without TLS where instances have TLS', async () => {
    const advice = async (scrape: unknown) => {
      const values = { ...LOCAL, scrape };
      return (await describeConfig({ ...MEMORY, values })).warnings.join('\n');
    };
    using certificates = new CertificateFolder();
    const { cert: ca } = certificates.selfSigned('cells');

    assert.match(await advice({ tls: { ca } }), /scrape\.plain_credentials is true/);
    assert.equal(await advice({ tls: { ca }, plain_credentials: false }), '');
    assert.equal(await advice({}), '');
  });

  it('prints a file that is read as the same configuration', async () => {
    const values = { scrape: { timeout: '5s' }, routes: { nats: { servers: ['nats://h'] } } };
    const { yaml } = await describeConfig({ ...MEMORY, values });
    await using file = await TextFile.with(yaml);

    const again = await readConfig({ ...MEMORY, file: file.name });

    assert.deepEqual(again, await readConfig({ ...MEMORY, values }));
  });
});

const LOCAL = { listen: { host: '127.0.0.1' }, routes: { file: 'r.json' } };
const KEY = 'sixteen characters or more';

describe('configWarnings', () => {
  const warnings = async (values: unknown) =>
    configWarnings(await readConfig({ ...MEMORY, values }));

  it('tells when everybody may read and anybody can reach it', async () => {
    const routes = { file: 'r.json' };
    assert.deepEqual(await warnings({ routes }), [
      'auth.mode is open: whoever reaches 0.0.0.0 port 8085 reads the metrics of all apps; set auth.mode to basic, token or both, or listen.host to 127.0.0.1',
    ]);
    assert.equal((await warnings({ routes, listen: { host: '127.example.com' } })).length, 1);
    assert.deepEqual(await warnings({ routes, listen: { host: '127.0.0.1' } }), []);
    assert.deepEqual(await warnings({ routes, listen: { host: '::1' } }), []);
  });

  it('tells when anybody can let promgate ask endpoints', async () => {
    const endpoints = { allow: ['*'] };
    const found = await warnings({ endpoints });
    const local = await warnings({ endpoints, listen: { host: '127.0.0.1' } });

    assert.ok(found.some((warning) => warning.includes('endpoints.allow')));
    assert.ok(!local.some((warning) => warning.includes('endpoints.allow')));
  });

  it('tells when passwords travel in the clear', async () => {
    const auth = { mode: 'basic', operators: [{ username: 'a', password: 'b' }] };
    assert.deepEqual(await warnings({ routes: { file: 'r.json' }, auth }), [
      'auth.mode is basic without listen.tls: passwords and tokens need TLS in front of promgate',
    ]);
    assert.deepEqual(await warnings({ ...LOCAL, redis: { url: 'redis://:p@r.example' } }), [
      'redis.url holds a password and asks for no TLS: the password travels open; write rediss://',
    ]);
    for (const url of ['rediss://:p@r.example', 'redis://r.example', 'redis://:p@127.0.0.1']) {
      assert.deepEqual(await warnings({ ...LOCAL, redis: { url } }), [], url);
    }
  });

  it('tells when nobody can read what is not for tenants, and when tokens lie beside their key', async () => {
    const broker = { username: 'cf', password: 'p' };
    const values = { ...LOCAL, auth: { mode: 'token' }, broker };
    assert.deepEqual(await warnings(values), [
      "auth.operators is empty: nobody can read promgate's own /metrics",
      'database.encryption_key is not set: promgate keeps the key of tokens and headers beside them in the database',
    ]);
    assert.deepEqual(await warnings({ ...LOCAL, broker, database: { encryption_key: KEY } }), []);
  });

  it('tells when there is no source of routes', async () => {
    assert.deepEqual(await warnings({ listen: { host: 'localhost' } }), [
      'routes names no source: no app will be found',
    ]);
  });
});

describe('the database on Cloud Foundry', () => {
  const broker = { username: 'cf', password: 'p' };
  const postgres = (more: object) => ({
    name: 'pg',
    tags: ['postgresql', 'relational'],
    credentials: { uri: 'postgres://u:p%40@db:5432/n' },
    ...more,
  });
  const read = (services: unknown, more: object = {}) =>
    readConfig({
      ...MEMORY,
      values: { broker, ...more },
      environment: { VCAP_APPLICATION: '{}', VCAP_SERVICES: JSON.stringify(services) },
    });

  it('is the bound service with a tag of a database, whatever its name', async () => {
    const other = { name: 'promgate', credentials: { log: { level: 'warn' } } };
    const { database } = await read({ pg: [postgres({})], other: [other] });

    assert.deepEqual(database.address, parseDatabaseUrl('postgres://u:p%40@db:5432/n'));
  });

  it('is put together from credentials without a URI', async () => {
    const credentials = { hostname: 'db', port: 3306, username: 'u', password: 'p/w', name: 'n' };
    const { database } = await read({ m: [{ name: 'm', tags: ['MySQL'], credentials }] });

    assert.deepEqual(database.address, parseDatabaseUrl('mysql://u:p%2Fw@db:3306/n'));
  });

  it('is the one tagged promgate-database of several', async () => {
    const credentials = { uri: 'mysql2://u:p@chosen/n?reconnect=true' };
    const chosen = { name: 'm', tags: ['mysql', 'promgate-database'], credentials };
    const { database } = await read({ a: [postgres({})], b: [chosen] });

    assert.deepEqual(database.address, parseDatabaseUrl('mysql2://u:p@chosen/n'));
  });

  for (const [services, fault] of [
    [
      { a: [postgres({}), postgres({ name: 'pg2' })] },
      'VCAP_SERVICES: several databases are bound ("pg", "pg2"): tag one of them promgate-database',
    ],
    [
      { a: [postgres({ credentials: {} })] },
      'VCAP_SERVICES: service "pg": its credentials hold no uri, and no host and name',
    ],
    [
      {},
      'database.url is SQLite, which is lost with the container on Cloud Foundry: bind a database service, or set broker.ephemeral to accept that',
    ],
  ] as const) {
    it(`is refused: ${fault}`, async () => {
      const environment = { VCAP_APPLICATION: '{}', VCAP_SERVICES: JSON.stringify(services) };
      const faults = await faultsOf({ values: { broker }, environment });

      assert.ok(faults.includes(fault), faults.join('\n'));
    });
  }

  it('is of no matter where there is no broker, or where it is named', async () => {
    const two = JSON.stringify({ a: [postgres({}), postgres({ name: 'pg2', credentials: {} })] });
    const named = { VCAP_SERVICES: two, PROMGATE_DATABASE_URL: 'mysql://u:p@h/d' };

    const wrong = [postgres({ credentials: { uri: 'postgres://u:p%zz@h/db' } })];
    for (const services of [two, JSON.stringify({ wrong })]) {
      assert.deepEqual(await faultsOf({ environment: { VCAP_SERVICES: services } }), []);
    }
    assert.deepEqual(await faultsOf({ values: { broker }, environment: named }), []);
  });

  it('may be SQLite where that is accepted, or where there is no broker', async () => {
    const ephemeral = { broker: { ...broker, ephemeral: true } };

    const { database } = await read({}, ephemeral);
    assert.deepEqual(database.address, { engine: 'sqlite', file: 'promgate.db' });
    assert.equal((await read({}, { broker: {} })).broker, undefined);
  });
});
