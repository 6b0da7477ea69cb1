/**
 * `manifest.yml`: only keys that Cloud Controller knows, since it drops others in silence.
 *
 * @see https://docs.cloudfoundry.org/devguide/deploy-apps/manifest-attributes.html
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import packageJson from '../package.json' with { type: 'json' };
import { schema } from '../src/config/schema.ts';
import { settingOf } from '../src/config/setting.ts';
import { namedKeys, variableName } from '../src/config/text.ts';
import { readManifest } from './support/manifest.ts';

const HEALTH = ['type', 'http-endpoint', 'invocation-timeout', 'interval'];
const CHECKS = [
  ...HEALTH.map((key) => `health-check-${key}`),
  ...HEALTH.map((key) => `readiness-health-check-${key}`),
];
const WEB = [
  'command',
  'disk_quota',
  'memory',
  'instances',
  'log-rate-limit-per-second',
  'timeout',
];

/** The keys of each kind of mapping. */
const KEYS = {
  document: ['version', 'applications'],
  app: [
    ...['name', 'buildpack', 'buildpacks', 'docker', 'env', 'features', 'lifecycle'],
    ...['cnb-credentials', 'metadata', 'no-route', 'random-route', 'default-route', 'routes'],
    ...['services', 'sidecars', 'processes', 'stack', 'path', ...WEB, ...CHECKS],
  ],
  process: ['type', 'user', ...WEB, ...CHECKS],
  route: ['route', 'protocol', 'options'],
  service: ['name', 'parameters', 'binding_name'],
  sidecar: ['name', 'command', 'process_types', 'memory'],
  metadata: ['labels', 'annotations'],
  options: ['loadbalancing', 'hash_header', 'hash_balance'],
  features: ['ssh', 'revisions', 'service-binding-k8s', 'file-based-vcap-services'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

type Kind = keyof typeof KEYS;

/** The mappings inside a mapping: the kind of each key's value, or of the items of its list. */
const INNER: Readonly<Partial<Record<Kind, Readonly<Record<string, Kind>>>>> = {
  document: { applications: 'app' },
  app: {
    ...{ processes: 'process', routes: 'route', services: 'service', sidecars: 'sidecar' },
    ...{ metadata: 'metadata', features: 'features' },
  },
  route: { options: 'options' },
};

/** @returns the path of every key that the platform does not know */
function unknownKeys(value: unknown, kind: Kind, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) {
    return value.flatMap((item, at) => unknownKeys(item, kind, `${path}[${at}]`));
  }
  const known: readonly string[] = KEYS[kind];
  return Object.entries(value).flatMap(([key, inner]) => {
    const place = path === '' ? key : `${path}.${key}`;
    if (!known.includes(key)) return [place];
    const innerKind = INNER[kind]?.[key];
    return innerKind ? unknownKeys(inner, innerKind, place) : [];
  });
}

/** A size as Cloud Controller reads it. */
const SIZE = /^\d+(?:B|K|KB|M|MB|G|GB|T|TB)$/;

describe('manifest.yml', () => {
  const { document, app, named, variables } = readManifest();
  const text = readFileSync(new URL('../manifest.yml', import.meta.url), 'utf8');

  it('has no key that Cloud Controller does not know', () => {
    assert.deepEqual(unknownKeys(document, 'document'), []);
  });

  it('is held to the keys at every depth', () => {
    const wrong = {
      version: 1,
      stacks: [],
      applications: [
        {
          'health-check-timeout': 1,
          processes: [{ type: 'web', routes: [] }],
          routes: [{ route: 'a.b', options: { weight: 1 } }],
          services: ['db', { name: 'x', plan: 'y' }],
        },
      ],
    };

    assert.deepEqual(unknownKeys(wrong, 'document'), [
      'stacks',
      'applications[0].health-check-timeout',
      'applications[0].processes[0].routes',
      'applications[0].routes[0].options.weight',
      'applications[0].services[1].plan',
    ]);
  });

  it('uses every variable of vars.yml, and no other', () => {
    assert.deepEqual([...new Set(named)].sort(), Object.keys(variables).sort());
    assert.doesNotMatch(JSON.stringify(document), /\(\(/);
  });

  it('has no anchors, which the API refuses', () => {
    assert.doesNotMatch(text, /[:-] [&*]\w/);
  });

  it('asks for what the documentation promises', () => {
    assert.equal(document['version'], 1);
    assert.equal((document['applications'] as unknown[]).length, 1);
    assert.equal(app.memory, '256M');
    for (const size of [app.memory, app['disk_quota']]) assert.match(String(size), SIZE);
    assert.equal(app['instances'], 2);
    assert.equal(app['health-check-type'], 'http');
    assert.equal(app['health-check-http-endpoint'], '/healthz');
    assert.equal(app['readiness-health-check-type'], 'http');
    assert.equal(app['readiness-health-check-http-endpoint'], '/readyz');
    assert.deepEqual(app['buildpacks'], ['nodejs_buildpack']);
  });

  it('asks the buildpack for a Node that it offers', () => {
    assert.equal(packageJson.engines.node, '24.x');
  });

  it('sets only variables that promgate knows, none of them secret, and asks readers for tokens', () => {
    const keys = new Map(namedKeys(schema).map((key) => [variableName(key.path), key.schema]));
    for (const name of Object.keys(app.env)) {
      const key = keys.get(name);
      assert.ok(key, name);
      const setting = settingOf(key);
      assert.ok(setting.kind === 'value' && !setting.secret, name);
    }
    assert.equal(app.env['PROMGATE_AUTH_MODE'], 'token');
  });

  it('binds the service with the configuration, a database and Redis by name', () => {
    const { config_service, database_service, redis_service } = variables;
    assert.deepEqual(app.services, [config_service, database_service, redis_service]);
    assert.equal(config_service, 'promgate', 'promgate knows it by this name');
  });

  it('starts Node as npm start does, in place of the shell', () => {
    const words = (command: string): string[] =>
      command.split(/[\s;]+/).filter((word) => word !== '' && !/semi-space/.test(word));
    const started = words(packageJson.scripts.start);

    assert.ok(started.includes('exec') && started.includes('serve'));
    for (const word of started) assert.ok(words(app.command).includes(word), word);
    assert.match(app.command, / exec node .*src\/main\.ts serve$/);
  });

  for (const [limit, heap] of [
    ['256M', 96],
    ['256m', 96],
    ['1024M', 384],
    ['', 96],
  ] as const) {
    it(`gives the heap ${heap} MB of a limit of ${limit === '' ? 'none' : limit}`, () => {
      const printed = execFileSync('bash', ['-c', app.command.replace('exec node', 'echo')], {
        env: { MEMORY_LIMIT: limit },
        encoding: 'utf8',
      });

      assert.match(printed, new RegExp(` --max-old-space-size=${heap} src/main.ts serve\\n$`));
    });
  }
});

describe('node_modules', () => {
  const versionOf = (file: string): string =>
    execFileSync(new URL(`../node_modules/${file}`, import.meta.url).pathname, ['--version'], {
      encoding: 'utf8',
    }).trim();

  it('has two versions of Node, of which npm scripts run the newer one', () => {
    assert.equal(versionOf('.bin/node'), `v${packageJson.devDependencies.node}`);
    assert.equal(versionOf('node-oldest/bin/node'), 'v24.15.0');
    assert.equal(packageJson.devDependencies['node-oldest'], 'npm:node@24.15.0');
  });
});
