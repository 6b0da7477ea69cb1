/** docs/http.md has every path, method, header and error code of the program, and no others. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { Router } from '@koa/router';
import { PROBLEM_CODES, Problem } from '../../src/serve/errors.ts';
import { readDoc } from '../support/doc-words.ts';
import { startPromgate } from '../support/promgate.ts';

interface Route {
  readonly name: string;
  readonly path: string | RegExp;
  readonly methods: readonly string[];
}

/** The routes of a promgate with all systems, taken from its routers when they are put to use. */
async function routesOfProgram(): Promise<Route[]> {
  const seen = new Set<Route>();
  const { routes } = Router.prototype;
  Router.prototype.routes = function (this: Router) {
    for (const layer of this.stack) seen.add(layer as unknown as Route); // its name is always given
    return routes.call(this);
  };
  try {
    const broker = { username: 'cf', password: 'cf' };
    const endpoints = { allow: ['127.0.0.1'] };
    const push = { durability: 'memory', port: 0 };
    const database = { url: 'sqlite::memory:' };
    const query = { server_groups: [{ static_configs: [{ targets: ['127.0.0.1:1'] }] }] };
    await using promgate = await startPromgate({
      apps: [],
      values: { broker, database, endpoints, push, query },
    });
    assert.ok(promgate.pushUrl);
  } finally {
    Router.prototype.routes = routes;
  }
  return [...seen];
}

const section = (title: string): string =>
  readDoc('http.md').split(`## ${title}\n`)[1]!.split('\n## ')[0]!; // a section that the page has
const codes = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code!); // its group
const rows = (title: string): string[][] =>
  [...section(title).matchAll(/^\| (`.*) \|$/gm)].map(([, row]) => row!.split(' | ')); // its group

const SAMPLES: Readonly<Record<string, string>> = {
  '<app>': 'org/space/app',
  '<guid>': '00000000-0000-0000-0000-000000000000',
};
const example = (path: string): string => path.replaceAll(/<\w+>/g, (name) => SAMPLES[name] ?? 'x');
const fits = ({ path }: Route, documented: string): boolean =>
  typeof path === 'string'
    ? path.replaceAll(/:\w+/g, 'x') === documented || `/push${path}` === documented
    : path.test(documented) || path.test(documented.replace(/^\/push/, ''));

/** What the page says, one entry for each path and method. */
const documented = rows('Paths').flatMap(([paths = '', methods = '', handler = '']) =>
  codes(paths).flatMap((path) =>
    methods.split(', ').map((method) => ({ path, method, handler: codes(handler)[0] })),
  ),
);

describe('docs/http.md', () => {
  it('has every path and method of the program, with the name of its handler', async () => {
    const routes = await routesOfProgram();
    const missing = routes.flatMap((route) =>
      route.methods
        .filter((method) => method !== 'HEAD')
        .filter(
          (method) =>
            !documented.some((one) => one.method === method && fits(route, example(one.path))),
        )
        .map((method) => `${method} ${route.path}`),
    );

    assert.ok(routes.length > 30);
    assert.deepEqual(missing, []);
  });

  it('has no path or method that the program has not', async () => {
    const routes = await routesOfProgram();

    for (const { path, method, handler } of documented) {
      const found = routes.filter(
        (route) => route.methods.includes(method) && fits(route, example(path)),
      );
      assert.ok(found.length > 0, `${method} ${path}`);
      if (handler !== 'broker') {
        assert.ok(
          found.some(({ name }) => name === handler),
          `${method} ${path} is ${handler}`,
        );
      }
    }
  });

  it('has every code of a problem with its status, here or on the page of its system', () => {
    const pages = ['http.md', 'endpoint-cache.md', 'push.md'].map(readDoc).join('\n');
    for (const code of PROBLEM_CODES) {
      const { status } = new Problem(code, '');
      const row = pages.match(new RegExp(`^\\|[^\\n]*\`${code}\`[^\\n]*\\|$`, 'm'))?.[0] ?? '';
      assert.match(row, new RegExp(`\\b${status}\\b`), `${code}: ${row}`);
    }
    const here = rows('Errors').map(([cell = '']) => codes(cell)[0]);
    assert.deepEqual(
      here.filter((code) => !(PROBLEM_CODES as readonly string[]).includes(code ?? '')),
      [],
    );
  });

  it('has every status that the program answers with, and no others', () => {
    const root = new URL('../../', import.meta.url);
    const broker = globSync('broker/*.ts', { cwd: root });
    const answers = globSync('src/serve/*.ts', { cwd: root });
    const text = [...broker, ...answers]
      .filter((file) => !/\/proxy/.test(file))
      .map((file) => readFileSync(new URL(file, root), 'utf8'))
      .join('\n');
    const written = text.matchAll(/\bstatus(?:: | = |\?: |<')?[^\n<>]{0,40}?\b([2-5]\d\d)\b/g);
    const refused = text.matchAll(/\bTextRefusal\((\d{3})/g);
    const chosen = text.matchAll(/\? ([2-5]\d\d) : ([2-5]\d\d)\b/g);
    const known = new Set(
      [...written, ...refused, ...chosen].flatMap(([, ...statuses]) => statuses.map(Number)),
    );
    for (const code of PROBLEM_CODES) known.add(new Problem(code, '').status);

    const documentedStatuses = new Set(
      [...section('Statuses').matchAll(/^\| ([\d, ]+) \|/gm)].flatMap(
        ([, cell]) => cell!.split(', ').map(Number), // its group
      ),
    );
    assert.ok(known.size > 20);
    assert.deepEqual([...known].filter((status) => !documentedStatuses.has(status)).sort(), []);
    assert.deepEqual([...documentedStatuses].filter((status) => !known.has(status)).sort(), []);
  });

  it('has every header of its own that promgate reads or sends', () => {
    const root = new URL('../../', import.meta.url);
    const files = globSync('{src/serve,src/refresh,broker}/**/*.ts', { cwd: root });
    const text = files.map((file) => readFileSync(new URL(file, root), 'utf8')).join('\n');
    const own = text.matchAll(
      /'(X-[A-Z][A-Za-z-]+|Cache-Status|CDN-Loop|Retry-After|Idempotency-Key|WWW-Authenticate)'/g,
    );
    const names = new Set(Array.from(own, ([, name]) => name!)); // its group

    assert.ok(names.size > 12);
    const page = readDoc('http.md');
    assert.deepEqual(
      [...names].filter((name) => !page.includes(`\`${name}`)),
      [],
    );
  });
});
