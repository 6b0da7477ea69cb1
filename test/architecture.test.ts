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
  telemetry: [],
  serve: ['exposition', 'discover', 'fetch', 'merge', 'telemetry'],
};

/** Which files may import a package. */
const EDGES: Readonly<Record<string, RegExp>> = {
  koa: /^serve\//,
  undici: /\/undici\.ts$/,
  got: /^(discover\/gorouter|query\/got)\.ts$/,
  '@nats-io/transport-node': /^discover\/nats\.ts$/,
  'prom-client': /^telemetry\//,
  pino: /^telemetry\//,
  zod: /^config(\.ts|\/)/,
  yaml: /^config(\.ts|\/)/,
};

const src = new URL('../src/', import.meta.url);
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
);
const imports = new Map(files.map((file) => [file, importsOf(file)]));

function importsOf(file: string): string[] {
  const code = readFileSync(new URL(file, src), 'utf8');
  const found = code.matchAll(/(?:^(?:import|export)\b[^;]*?from |\bimport\()'([^']+)'/gm);
  return [...found].map((match) => match[1]!);
}

function folderOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : '';
}

describe('architecture', () => {
  for (const [file, names] of imports) {
    it(`${file} imports only what it may`, () => {
      for (const name of names) {
        if (name.startsWith('.')) assertFolder(file, path.join(path.dirname(file), name));
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
        if (name.startsWith('.')) visit(path.join(path.dirname(file), name), [...trail, file]);
      }
      done.add(file);
    };
    for (const file of files) visit(file, []);
  });
});

function assertFolder(file: string, target: string): void {
  const from = folderOf(file);
  if (from === '' || from === folderOf(target) || target === 'clock.ts') return;
  const allowed = BORDERS[from];
  assert.ok(allowed, `${from}/ is not in the list of stages`);
  assert.ok(allowed.includes(folderOf(target)), `${file} must not import ${target}`);
}

function assertPackage(file: string, name: string): void {
  const edge = EDGES[name];
  if (edge) assert.match(file, edge, `${name} belongs at the edge`);
}
