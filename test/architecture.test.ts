/** The tree's borders: which folder imports which, who may import which package, no cycles. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { posix as path } from 'node:path';

/** What each folder may import beside itself and `clock.ts`; files of `src/` itself may import anything. */
const BORDERS: Readonly<Record<string, readonly string[]>> = {
  exposition: [],
  discover: [],
  fetch: ['discover'],
  merge: ['exposition', 'discover'],
  store: ['broker'],
  telemetry: [],
  broker: [],
  serve: ['exposition', 'discover', 'fetch', 'merge', 'telemetry'],
};

/** Which files may import a package. */
const EDGES: Readonly<Record<string, RegExp>> = {
  koa: /^(?:serve|broker)\//,
  undici: /\/undici\.ts$/,
  got: /^(discover\/gorouter|query\/got)\.ts$/,
  '@nats-io/transport-node': /^discover\/nats\.ts$/,
  'prom-client': /^telemetry\//,
  pino: /^telemetry\//,
  zod: /^config(\.ts|\/)/,
  yaml: /^(?:config(?:\.ts|\/)|broker\/scrape-config\.ts$)/,
  ajv: /^broker\//,
  'ajv-draft-04': /^broker\//,
  kysely: /^store\//,
  pg: /^store\/postgres/,
  mysql2: /^store\/mysql/,
};

const root = new URL('../', import.meta.url);
/** Of `src/` without that name; `broker/` is a folder beside its stages, and imports none of them. */
const files = [...sourcesIn('src', ''), ...sourcesIn('broker', 'broker/')];
const imports = new Map(files.map((file) => [file, importsOf(file)]));

function sourcesIn(folder: string, prefix: string): string[] {
  return readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => prefix + file);
}

function importsOf(file: string): string[] {
  const place = file.startsWith('broker/') ? file : `src/${file}`;
  const code = readFileSync(new URL(place, root), 'utf8');
  const found = code.matchAll(/(?:^(?:import|export)\b[^;]*?from |\bimport\()'([^']+)'/gm);
  return [...found].map((match) => match[1]!);
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
      for (const name of names) {
        if (name.startsWith('.')) assertFolder(file, targetOf(file, name));
        else assertPackage(file, name);
      }
    });
  }

  it('no file imports itself by a detour', () => {
    const done = new Set<string>();
    const visit = (file: string, trail: readonly string[]): void => {
      assert.ok(!trail.includes(file), [...trail, file].join(' -> '));
      if (done.has(file)) return;
      for (const name of imports.get(file) ?? []) {
        if (name.startsWith('.')) visit(targetOf(file, name), [...trail, file]);
      }
      done.add(file);
    };
    for (const file of files) visit(file, []);
  });
});

function assertFolder(file: string, target: string): void {
  const from = folderOf(file);
  if (from === '' || from === folderOf(target)) return;
  if (target === 'clock.ts' && from !== 'broker') return;
  const allowed = BORDERS[from];
  assert.ok(allowed, `${from}/ is not in the list of stages`);
  assert.ok(allowed.includes(folderOf(target)), `${file} must not import ${target}`);
}

function assertPackage(file: string, name: string): void {
  const edge = EDGES[name];
  if (edge) assert.match(file, edge, `${name} belongs at the edge`);
}
