/**
 * Runs the public HTTP cache test suite (github.com/http-tests/cache-tests) against the caching proxy,
 * and counts as its authors do: a test counts only if all tests that it depends on pass too.
 *
 * `node bench/cache-suite.ts FOLDER [--base URL] [--save]`: FOLDER is a checkout of the suite, whose
 * packages are installed. Without `--base` promgate's own proxy is started before the suite's origin;
 * with it, whatever listens at URL is judged. `--save` writes `bench/cache-suite.json`.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { freePort } from './promgate.ts';

const run = promisify(execFile);
const KINDS = ['required', 'optimal', 'check'] as const;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const RESULT = new URL('cache-suite.json', import.meta.url);
const REASONS = new URL('cache-suite-reasons.json', import.meta.url);

type Kind = (typeof KINDS)[number];

interface SuiteTest {
  readonly id: string;
  readonly kind?: Kind;
  readonly depends_on?: readonly string[];
  readonly browser_only?: boolean;
}

interface Suite {
  readonly id: string;
  readonly tests: readonly SuiteTest[];
}

/** Of each test: `true`, or the name of an error and its text. */
type Raw = Readonly<Record<string, true | readonly [string, string]>>;

interface Failed {
  readonly test: string;
  readonly kind: Kind;
  readonly why: string;
}

interface Counted {
  /** By category: how many passed, and of how many. */
  readonly categories: Readonly<Record<string, Readonly<Partial<Record<Kind, string>>>>>;
  readonly totals: Readonly<Record<Kind, string>>;
  readonly failed: readonly Failed[];
}

/** Counts the results of a run. */
function count(
  suites: readonly Suite[],
  raw: Raw,
  reasons: Readonly<Record<string, string>>,
): Counted {
  const tests = new Map(suites.flatMap((suite) => suite.tests.map((test) => [test.id, test])));
  const passes = (id: string): boolean =>
    raw[id] === true && (tests.get(id)?.depends_on ?? []).every(passes);
  const whyFailed = ({ id, depends_on = [] }: SuiteTest): string => {
    const missing = depends_on.filter((other) => !passes(other));
    if (missing.length > 0) return `depends on ${missing.join(', ')}`;
    const result = raw[id];
    return reasons[id] ?? (Array.isArray(result) ? result[1] : 'gave no result');
  };
  const failed: Failed[] = [];
  const categories: Record<string, Partial<Record<Kind, string>>> = {};
  const totals = { required: [0, 0], optimal: [0, 0], check: [0, 0] };
  for (const suite of suites) {
    const own = { required: [0, 0], optimal: [0, 0], check: [0, 0] };
    for (const test of suite.tests) {
      if (test.browser_only) continue;
      const kind = test.kind ?? 'required';
      for (const sums of [own[kind], totals[kind]]) {
        sums[1]!++;
        if (passes(test.id)) sums[0]!++;
      }
      // A check asks what a cache does; no answer is wrong.
      if (!passes(test.id) && kind !== 'check') {
        failed.push({ test: test.id, kind, why: whyFailed(test) });
      }
    }
    categories[suite.id] = texts(own, true);
  }
  return { categories, totals: texts(totals, false) as Counted['totals'], failed };
}

function texts(
  sums: Readonly<Record<Kind, readonly number[]>>,
  skipsEmpty: boolean,
): Partial<Record<Kind, string>> {
  const kinds = KINDS.filter((kind) => !skipsEmpty || sums[kind][1] !== 0);
  return Object.fromEntries(kinds.map((kind) => [kind, `${sums[kind][0]} of ${sums[kind][1]}`]));
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { base: { type: 'string' }, save: { type: 'boolean' }, raw: { type: 'string' } },
  });
  const [folder] = positionals;
  if (folder === undefined) throw new Error('give the folder of a checkout of cache-tests');
  const module: { default: readonly Suite[] } = await import(
    pathToFileURL(path.resolve(folder, 'tests/index.mjs')).href
  );
  const raw = await results(folder, values.base);
  if (values.raw !== undefined) await writeFile(values.raw, JSON.stringify(raw, null, 1));
  const reasons: Record<string, string> = JSON.parse(await readFile(REASONS, 'utf8'));
  const counted = count(module.default, raw, values.base === undefined ? reasons : {});
  const text = `${JSON.stringify(counted, null, 2)}\n`;
  process.stdout.write(text);
  if (values.save) await writeFile(RESULT, text);
}

/** Starts the suite's origin, and the proxy if none is given; @returns what each test gave */
async function results(folder: string, base: string | undefined): Promise<Raw> {
  const children: ChildProcess[] = [];
  try {
    let url = base;
    if (url === undefined) {
      const [originPort, port] = [await freePort(), await freePort()];
      children.push(
        startNode(['test-engine/server/server.mjs'], folder, {
          npm_config_protocol: 'http',
          npm_config_port: String(originPort),
          npm_config_pidfile: path.join('/tmp', `cache-suite-${process.pid}.pid`),
        }),
      );
      const origin = `http://127.0.0.1:${originPort}`;
      const main = new URL('../src/main.ts', import.meta.url).pathname;
      const flags = ['proxy', '--host', '127.0.0.1', '--port', String(port), '--origin', origin];
      children.push(startNode([main, ...flags], folder, {}));
      url = `http://127.0.0.1:${port}`;
      await untilAnswers(url);
    }
    const { stdout } = await run(process.execPath, ['--no-warnings', 'test-engine/cli.mjs'], {
      cwd: folder,
      // The empty variable makes the suite run all of its tests.
      env: { ...process.env, npm_config_base: url, npm_package_config_id: '' },
      maxBuffer: MAX_OUTPUT_BYTES,
    });
    return JSON.parse(stdout.slice(stdout.indexOf('{')));
  } finally {
    for (const child of children) child.kill('SIGTERM');
    await Promise.all(children.map((child) => child.exitCode ?? once(child, 'exit')));
  }
}

function startNode(
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>>,
): ChildProcess {
  return spawn(process.execPath, [...args], {
    ...{ cwd, stdio: ['ignore', 'ignore', 'inherit'] },
    env: { ...process.env, ...environment },
  });
}

/** Resolves when the origin answers through the proxy. */
async function untilAnswers(url: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const answer = await fetch(url).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`nothing answers at ${url}`);
}

await main();
