/** The tree's borders: which folder imports which, who may import which package, no cycles. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { posix as path } from 'node:path';

/**
 * What each folder may import beside itself and the files of `src/` itself. Types of `config/` and of
 * `broker/` may be imported where these are named with a `type:`.
 */
const BORDERS: Readonly<Record<string, readonly string[]>> = {
  '': ['assemble', 'commands', 'config', 'demo', 'serve', 'telemetry'],
  commands: ['assemble', 'config', 'discover', 'fetch', 'type:broker'],
  demo: ['assemble', 'config', 'promql', 'query'],
  assemble: [
    ...['config', 'discover', 'exposition', 'fetch', 'merge', 'refresh', 'serve', 'store'],
    ...['promql', 'push', 'query', 'telemetry', 'broker'],
  ],
  config: [],
  exposition: [],
  promql: [],
  query: ['promql'],
  discover: [],
  fetch: ['discover'],
  merge: ['exposition', 'discover'],
  push: ['exposition', 'merge'],
  refresh: [],
  store: ['broker', 'push', 'type:config'],
  telemetry: [],
  broker: [],
  serve: [
    ...['exposition', 'discover', 'fetch', 'merge', 'promql', 'push', 'query', 'refresh'],
    ...['telemetry', 'type:broker'],
  ],
};

/** Which files may import a package. */
const EDGES: Readonly<Record<string, RegExp>> = {
  koa: /^(?:serve|broker)\//,
  '@koa/router': /^(?:serve|broker|assemble)\//,
  undici: /\/undici(?:-[a-z]+)?\.ts$/,
  got: /^(discover\/gorouter|discover\/cf-api\/got|query\/got|push\/send\/got)\.ts$/,
  '@nats-io/transport-node': /^discover\/nats\.ts$/,
  'prom-client': /^telemetry\//,
  pino: /^telemetry\//,
  re2js: /^(?:config|push|promql)\//,
  snappyjs: /^(?:push|query)\//,
  zod: /^config\//,
  yaml: /^(?:config\/|broker\/scrape-config\.ts$)/,
  ajv: /^broker\//,
  'ajv-draft-04': /^broker\//,
  'markdown-it': /^serve\/doc-markdown\.ts$/,
  'lru-cache': /^(?:refresh|serve)\//,
  kysely: /^store\//,
  pg: /^store\/postgres/,
  mysql2: /^store\/mysql/,
  iovalkey: /^store\/redis\.ts$/,
  kafkajs: /^telemetry\/kafka\.ts$/,
};

/** Files that only some configurations need, and that import a large package or start a thread. */
const CLIENTS =
  /^(?:store\/(?:redis.*|replica-channel|postgres|mysql|push-journal.*)|telemetry\/kafka.*)\.ts$/;

/** Files of `src/` itself that all may import. */
const COMMON = ['clock.ts', 'in-flight.ts', 'pem.ts', 'version.ts'];

/** Files of `broker/` that stand alone: all may import them, so that there is one of each. */
const SHARED = ['duration.ts', 'guid.ts', 'json.ts', 'own-headers.ts'].map(
  (file) => `broker/${file}`,
);

/**
 * The systems: each has one file, or a few of its own, in `assemble/`, and imports no other's. The
 * programs are made of them: `stages.ts` and `proxy.ts`.
 */
const SYSTEMS: readonly (readonly string[])[] = [
  ['apps.ts', 'app-answers.ts', 'sources.ts', 'scrape-observers.ts'],
  ['status.ts'],
  ['late-bindings.ts', 'bindings.ts'],
  ['endpoints.ts'],
  ['operate.ts'],
  ['replicas.ts'],
  ['events.ts'],
  ['query.ts', 'query-groups.ts'],
  ['push.ts', 'push-ledger.ts', 'late-ledger.ts', 'push-remote-write.ts', 'remote-write.ts'],
];
const MAX_LINES = 300;

/** The stages through which every scrape goes. */
const HOT = ['exposition', 'fetch', 'merge', 'refresh', 'serve'];
/** Of these, what is made once for a connection or for a page of documentation. */
const NOT_OF_REQUESTS = ['fetch/undici-connection.ts', 'serve/doc-markdown.ts'];
/**
 * A closure that is assigned to a property, or a getter in an object literal. V8 makes both in its old
 * generation: one for each scrape would keep all that the scrape has made until the next major
 * collection, a sixth of what was allocated. A closure is made before it is assigned, and a getter
 * stands in a class.
 */
const IN_OLD_GENERATION =
  /^ {4,}get \w+\(\)|^(?!.*\b(?:const|let|readonly) ).*\.#?\w+ (?:\?\?)?= (?:async )?\([^=]*\) =>/;

const root = new URL('../', import.meta.url);
/** Of `src/` without that name; `broker/` is a folder beside its stages, and imports none of them. */
const files = [...sourcesIn('src', ''), ...sourcesIn('broker', 'broker/')];
const imports = new Map(files.map((file) => [file, importsOf(file)]));

function sourcesIn(folder: string, prefix: string): string[] {
  return readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => prefix + file);
}

function codeOf(file: string): string {
  const place = file.startsWith('broker/') ? file : `src/${file}`;
  return readFileSync(new URL(place, root), 'utf8');
}

function linesOf(file: string): number {
  return codeOf(file).split('\n').length - 1;
}

interface Import {
  readonly name: string;
  readonly isOfTypes: boolean;
}

function importsOf(file: string): Import[] {
  const found = codeOf(file).matchAll(
    /(?:^(?:import|export)( type)?\b[^;]*?from |\bimport\()'([^']+)'/gm,
  );
  return [...found].map(([, type, name]) => ({ name: name!, isOfTypes: type !== undefined }));
}

/** The file that an import names, as `files` has it. */
function targetOf(file: string, name: string): string {
  const place = file.startsWith('broker/') ? file : `src/${file}`;
  return path.join(path.dirname(place), name).replace(/^src\//, '');
}

function folderOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : '';
}

describe('architecture', () => {
  for (const [file, names] of imports) {
    it(`${file} imports only what it may`, () => {
      for (const one of names) {
        if (one.name.startsWith('.')) assertFolder(file, one);
        else assertPackage(file, one.name);
      }
    });
  }

  it('the files of broker/ that all may import stand alone', () => {
    for (const file of SHARED) assert.deepEqual(imports.get(file), [], file);
  });

  it('no system imports another', () => {
    for (const own of SYSTEMS) {
      for (const file of own) {
        const others = SYSTEMS.filter((system) => system !== own).flat();
        const wrong = (imports.get(`assemble/${file}`) ?? [])
          .filter(({ name }) => name.startsWith('./') && others.includes(path.basename(name)))
          .map(({ name }) => name);
        assert.deepEqual(wrong, [], file);
      }
    }
  });

  it('no file is longer than can be read in one go', () => {
    const long = files.filter((file) => linesOf(file) > MAX_LINES);
    assert.deepEqual(long, []);
  });

  it('no request makes a closure or a getter in the old generation of V8', () => {
    const found = files
      .filter((file) => HOT.includes(file.split('/')[0] ?? '') && !NOT_OF_REQUESTS.includes(file))
      .flatMap((file) =>
        codeOf(file)
          .split('\n')
          .filter((line) => IN_OLD_GENERATION.test(line))
          .map((line) => `${file}: ${line.trim()}`),
      );
    assert.deepEqual(found, []);
  });

  it('the start loads no client that only some configurations need', () => {
    const loaded = new Set<string>();
    const load = (file: string): void => {
      if (loaded.has(file) || !file.endsWith('.ts')) return;
      loaded.add(file);
      const loads = codeOf(file).matchAll(/^(?:import|export)(?! type)\b[^;]*?from '(\.[^']+)'/gm);
      for (const [, name] of loads) load(targetOf(file, name!)); // the group takes part in each match
    };
    load('assemble/app.ts');

    const clients = [...loaded].filter((file) => CLIENTS.test(file));
    assert.deepEqual(clients, []);
    assert.ok(loaded.has('assemble/replicas.ts') && loaded.has('assemble/events.ts'));
  });

  it('no file imports itself by a detour', () => {
    const done = new Set<string>();
    const visit = (file: string, trail: readonly string[]): void => {
      assert.ok(!trail.includes(file), [...trail, file].join(' -> '));
      if (done.has(file)) return;
      for (const { name } of imports.get(file) ?? []) {
        if (name.startsWith('.')) visit(targetOf(file, name), [...trail, file]);
      }
      done.add(file);
    };
    for (const file of files) visit(file, []);
  });
});

function assertFolder(file: string, { name, isOfTypes }: Import): void {
  const target = targetOf(file, name);
  const [from, to] = [folderOf(file), folderOf(target)];
  if (from === to) return;
  if (from !== 'broker' && COMMON.includes(target)) return;
  if (SHARED.includes(target)) return;
  const allowed = BORDERS[from];
  assert.ok(allowed, `${from}/ is not in the list of stages`);
  const may = allowed.includes(to) || (isOfTypes && allowed.includes(`type:${to}`));
  assert.ok(may, `${file} must not import ${target}`);
}

function assertPackage(file: string, name: string): void {
  const edge = EDGES[name];
  if (edge) assert.match(file, edge, `${name} belongs at the edge`);
}
