/**
 * Measures what a cached answer costs the caching proxy, beside nginx's proxy_cache.
 *
 * Both stand before the same origin, have one process each, and are asked by wrk in turn. Needs the
 * programs `nginx` and `wrk`.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { type Child, startNode, startProgram, startScript } from './child.ts';
import { ENVIRONMENT, freePort, ROOT, START } from './promgate.ts';
import type { OriginOptions } from './proxy-origin.ts';
import { ratio, table } from './report.ts';
import { median } from './statistics.ts';

const run = promisify(execFile);
const CONNECTIONS = 32;
/** What wrk does before each request, in Lua. */
const SCRIPTS = {
  same: '',
  traced: `local count = 0
request = function()
  count = count + 1
  wrk.headers["X-Request-Id"] = "4bf92f3577b34da6-" .. count
  return wrk.format()
end
`,
  many: `local count = 0
request = function()
  count = count + 1
  return wrk.format("GET", wrk.path .. "?n=" .. count % 5000)
end
`,
} as const;

export interface ProxyCase {
  /** Of the page, before compression. */
  readonly sizeBytes: number;
  readonly gzip: boolean;
  /**
   * `same`: all requests are equal. `traced`: each has a trace id of its own, as behind gorouter.
   * `many`: they go to 5,000 addresses in turn.
   */
  readonly requests: keyof typeof SCRIPTS;
}

export interface ProxyFigures {
  /** CPU time of one request, in microseconds; the median over the turns. */
  readonly microseconds: number;
  readonly perSecond: number;
}

export interface ProxyResult {
  readonly of: ProxyCase;
  readonly bodyBytes: number;
  readonly promgate: ProxyFigures;
  readonly nginx: ProxyFigures;
  /** CPU of promgate beside that of nginx; the median over the pairs of turns. */
  readonly ratio: number;
}

export interface ProxyRun {
  readonly cases: readonly ProxyCase[];
  readonly rounds: number;
  readonly secondsPerTurn: number;
}

interface Cache {
  readonly child: Child;
  readonly url: string;
}

/** Measures all cases with one start of the origin and both caches. */
export async function measureProxy({
  cases,
  rounds,
  secondsPerTurn,
}: ProxyRun): Promise<ProxyResult[]> {
  await using parts = new AsyncDisposableStack();
  const options: OriginOptions = { sizesBytes: [...new Set(cases.map((of) => of.sizeBytes))] };
  const origin = await startScript('proxy-origin.ts', options);
  parts.use(origin.child);
  const originUrl = `http://127.0.0.1:${origin.firstLine}`;
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-bench-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  const nginx = await startNginx(originUrl, folder);
  parts.use(nginx.child);
  const promgate = await startProxy(originUrl, folder);
  parts.use(promgate.child);
  const results: ProxyResult[] = [];
  for (const of of cases) {
    const bodyBytes = await checkSame([promgate, nginx], of);
    const turns: { readonly ours: ProxyFigures; readonly theirs: ProxyFigures }[] = [];
    const script = path.join(folder, 'requests.lua');
    await writeFile(script, SCRIPTS[of.requests]);
    const take = (cache: Cache) => turn(cache, of, { seconds: secondsPerTurn, script });
    await take(promgate);
    await take(nginx);
    for (let round = 0; round < rounds; round++) {
      turns.push({ ours: await take(promgate), theirs: await take(nginx) });
    }
    results.push({
      of,
      bodyBytes,
      promgate: middle(turns.map(({ ours }) => ours)),
      nginx: middle(turns.map(({ theirs }) => theirs)),
      ratio: median(turns.map(({ ours, theirs }) => ours.microseconds / theirs.microseconds)),
    });
  }
  return results;
}

function middle(figures: readonly ProxyFigures[]): ProxyFigures {
  return {
    microseconds: median(figures.map(({ microseconds }) => microseconds)),
    perSecond: median(figures.map(({ perSecond }) => perSecond)),
  };
}

async function startProxy(origin: string, folder: string): Promise<Cache> {
  const port = await freePort();
  const flags = ['proxy', '--host', '127.0.0.1', '--port', String(port), '--origin', origin];
  const args = START.flatMap((arg) => (arg === 'serve' ? flags : [arg]));
  const child = startNode(args, ROOT, { ...ENVIRONMENT, XDG_RUNTIME_DIR: folder });
  child.discard();
  return { child, url: `http://127.0.0.1:${port}` };
}

/** One process, with nginx's own settings for all that does not have to be set. */
async function startNginx(origin: string, folder: string): Promise<Cache> {
  const port = await freePort();
  const file = path.join(folder, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  await writeFile(
    file,
    `daemon off; master_process off; worker_processes 1;
pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events {}
http {
  access_log off; sendfile on; keepalive_requests 1000000000;
  ${temporary.join(' ')}
  proxy_cache_path ${folder}/cache keys_zone=pages:10m;
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass ${origin}; proxy_cache pages; proxy_set_header Accept-Encoding $http_accept_encoding; }
  }
}
`,
  );
  const child = startProgram('nginx', ['-c', file, '-e', `${folder}/error.log`]);
  child.discard();
  return { child, url: `http://127.0.0.1:${port}` };
}

/** Fills the caches. @returns the size of the body, which both give in the same bytes */
async function checkSame(
  caches: readonly Cache[],
  { sizeBytes, gzip }: ProxyCase,
): Promise<number> {
  const bodies: Buffer[] = [];
  for (const { child, url } of caches) {
    // Two reads: the second is a hit.
    for (let read = 0; read < 2; read++) {
      bodies.push(await curl(`${url}/${sizeBytes}`, gzip, child));
    }
  }
  const [first] = bodies;
  if (!first || bodies.some((body) => !body.equals(first))) {
    throw new Error('promgate and nginx give different bodies');
  }
  return first.length;
}

/** Reads a body as it is sent. `fetch` would inflate it. */
async function curl(url: string, gzip: boolean, { rssBytes }: Child): Promise<Buffer> {
  const accept = gzip ? ['-H', 'Accept-Encoding: gzip'] : [];
  const retry = ['--retry', '100', '--retry-connrefused', '--retry-delay', '0'];
  const { stdout } = await run('curl', ['-sf', ...retry, ...accept, url], {
    encoding: 'buffer',
    maxBuffer: 16_000_000,
  });
  rssBytes(); // throws if the process has ended
  return stdout;
}

async function turn(
  { child, url }: Cache,
  { sizeBytes, gzip }: ProxyCase,
  { seconds, script }: { readonly seconds: number; readonly script: string },
): Promise<ProxyFigures> {
  const accept = gzip ? ['-H', 'Accept-Encoding: gzip'] : [];
  const how = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', script, ...accept];
  const load = [...how, `${url}/${sizeBytes}`];
  const before = child.cpuSeconds();
  const { stdout } = await run('wrk', load);
  const used = child.cpuSeconds() - before;
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  if (!(requests > 0) || /Non-2xx/.test(stdout)) throw new Error(`wrk failed:\n${stdout}`);
  return { microseconds: (used / requests) * 1_000_000, perSecond: requests / seconds };
}

export function proxyTable(results: readonly ProxyResult[]): string {
  const rows = results.map(({ of, bodyBytes, promgate, nginx, ratio: times }) => [
    `${of.sizeBytes / 1_000} KB${of.gzip ? ', gzip' : ''}, ${of.requests}`,
    `${(bodyBytes / 1_000).toFixed(1)} KB`,
    `${promgate.microseconds.toFixed(1)} us`,
    `${nginx.microseconds.toFixed(1)} us`,
    ratio(times),
    promgate.perSecond.toFixed(0),
    nginx.perSecond.toFixed(0),
  ]);
  const columns = ['sent', 'CPU', 'nginx', 'ratio', 'per second', 'nginx'];
  return `${table([['cached answer', ...columns], ...rows])}\n`;
}
