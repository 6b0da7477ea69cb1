/**
 * The caching proxy as a program: its commands, a real Prometheus that reads its metrics, and a real
 * nginx as its origin.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import path from 'node:path';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import { startNginx } from '../support/nginx.ts';
import { startPrometheus } from '../support/prometheus.ts';
import { startOrigin, type TestOrigin } from '../support/proxy.ts';
import { type ProxyUser, startProxyUser } from '../support/proxy-process.ts';
import { requireProgram } from '../support/require-program.ts';

/** Says nothing of caching, as the origins of the original. */
const plainOrigin = (): Promise<TestOrigin> =>
  startOrigin((_, response) => void response.end('page'));

function peakMemoryBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

describe('caching-proxy', function () {
  this.timeout(SLOW_MS);

  it('stores all pages until another command clears them, which counts them', async () => {
    await using origin = await plainOrigin();
    await using user = await startProxyUser();
    const proxy = await user.start(['--origin', origin.url]);
    const before = [await proxy.mark('/a'), await proxy.mark('/a'), await proxy.mark('/b')];
    const one = await user.run('--clear-cache', '--prefix', '/b');
    const all = await user.run('--clear-cache');

    assert.deepEqual(before, ['MISS', 'HIT', 'MISS']);
    assert.deepEqual([one.code, one.output], [0, 'cleared 1 entry']);
    assert.deepEqual([all.code, all.output], [0, 'cleared 1 entry']);
    assert.equal(await proxy.mark('/a'), 'MISS');
    const none = await user.run('--clear-cache', '--prefix', '/none');
    assert.deepEqual([none.code, none.output], [0, 'cleared 0 entries']);
  });

  it('lets only its user open the control socket, and removes it at the end', async () => {
    await using origin = await plainOrigin();
    await using user = await startProxyUser();
    const proxy = await user.start(['--origin', origin.url]);
    const folder = await stat(user.controlFolder);
    const [name = ''] = await readdir(user.controlFolder);
    const socket = await stat(path.join(user.controlFolder, name));
    proxy.program.kill('SIGTERM');
    const exit = await proxy.program.exited;

    assert.equal(folder.mode & 0o777, 0o700);
    assert.ok(socket.isSocket());
    assert.equal(socket.mode & 0o777, 0o600);
    assert.equal(exit.code, 0);
    assert.deepEqual(await readdir(user.controlFolder), []);
  });

  it('says so, with exit code 1, when none runs, also after one was killed', async () => {
    await using origin = await plainOrigin();
    await using user = await startProxyUser();
    const before = await user.run('--clear-cache');
    const proxy = await user.start(['--origin', origin.url]);
    proxy.program.kill('SIGKILL');
    await proxy.program.exited;
    const after = await user.run('--clear-cache', '--port', String(proxy.port));

    assert.equal(before.code, 1);
    assert.match(before.errors, /no caching proxy of this user runs/);
    assert.equal(after.code, 1);
    assert.match(after.errors, new RegExp(`no caching proxy .* runs on port ${proxy.port}`));
  });

  it('asks for --port when several run', async () => {
    await using origin = await plainOrigin();
    await using user = await startProxyUser();
    const [one, two] = [
      await user.start(['--origin', origin.url]),
      await user.start(['--origin', origin.url]),
    ];
    for (const proxy of [one, two]) await proxy.mark('/a');
    const unclear = await user.run('--clear-cache');
    const clear = await user.run('--clear-cache', '--port', String(two.port));

    assert.equal(unclear.code, 1);
    assert.match(unclear.errors, /several proxies run: choose one by --port/);
    for (const { port } of [one, two]) assert.match(unclear.errors, new RegExp(`\\b${port}\\b`));
    assert.deepEqual([clear.code, clear.output], [0, 'cleared 1 entry']);
    assert.deepEqual([await one.mark('/a'), await two.mark('/a')], ['HIT', 'MISS']);
  });

  const WRONG: readonly (readonly [flags: readonly string[], text: RegExp])[] = [
    [[], /--origin is missing/],
    [['--origin', 'ftp://a'], /--origin takes an http: or https: URL/],
    [['--origin', 'http://user:pass@a'], /without query and credentials/],
    [['--origin', 'http://a', '--port', '70000'], /--port takes a port number/],
    [['--origin', 'http://a', '--cache-all', 'soon'], /--cache-all takes a time/],
    [['--origin', 'http://a', '--cache-size', '-1'], /cache-size/],
    [['--origin', 'http://a', '--colour'], /--colour/],
    [['--clear-cache', '--port', 'x'], /--port takes a port number/],
  ];
  for (const [flags, text] of WRONG) {
    it(`refuses ${flags.join(' ') || 'no flags'} with exit code 2 and a text`, async () => {
      await using user = await startProxyUser();
      const { code, errors } = await user.run(...flags);

      assert.equal(code, 2);
      assert.match(errors, text);
    });
  }

  it('prints its usage', async () => {
    await using user = await startProxyUser();
    const { code, output } = await user.run('--help');

    assert.equal(code, 0);
    assert.match(output, /--cache-all TTL .*default 60s/);
  });

  it('answers the three queries of the original in a real Prometheus', async function () {
    const program = requireProgram(this, 'prometheus');
    await using origin = await plainOrigin();
    await using user = await startProxyUser();
    const proxy = await user.start(['--origin', origin.url]);
    for (let i = 0; i < 4; i++) await proxy.mark('/a');
    await using prometheus = await startPrometheus({
      program,
      config: {
        global: { scrape_interval: '500ms' },
        scrape_configs: [
          {
            job_name: 'caching-proxy',
            static_configs: [{ targets: [new URL(proxy.metricsUrl).host] }],
          },
        ],
      },
    });
    const ask = async (promql: string): Promise<number> => {
      const [result] = await prometheus.query(promql);
      return Number(result?.value);
    };
    await eventually('the first requests to be counted', async () =>
      (await ask('sum(proxy_requests_total)')) === 4 ? true : undefined,
    );
    for (let i = 0; i < 4; i++) await proxy.mark('/a');
    const p95 = await eventually('a rate', async () => {
      const value = await ask('histogram_quantile(0.95, rate(proxy_request_duration_bucket[1m]))');
      return Number.isFinite(value) ? value : undefined;
    });

    assert.equal(await ask('sum(proxy_requests_total)'), 8);
    assert.equal(await ask('proxy_cache_hit_ratio'), 7 / 8);
    assert.ok(p95 > 0 && p95 < 60);
  });

  it('streams 2 GB at the pace of its reader, in little memory, and does not store it', async () => {
    const CHUNK = Buffer.alloc(65_536, 'x');
    const CHUNKS = 32_768;
    let sent = 0;
    await using origin = await startOrigin(async (_, response) => {
      response.writeHead(200, { 'Cache-Control': 'max-age=60' });
      for (let i = 0; i < CHUNKS && !response.destroyed; i++) {
        if (!response.write(CHUNK)) await once(response, 'drain');
        sent += CHUNK.length;
      }
      response.end();
    });
    await using user = await startProxyUser();
    const proxy = await user.start(['--origin', origin.url, '--cache-size', '64MiB']);
    const request = httpRequest(`${proxy.url}/big`).end();
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    let before = -1;
    const waiting = await eventually(
      'the origin to wait for the reader',
      () => {
        if (sent === before) return sent;
        before = sent;
        return undefined;
      },
      { pauseMs: 300 },
    );
    let bytes = 0;
    for await (const chunk of answer) bytes += (chunk as Buffer).length;

    assert.ok(waiting < 64 * 1_048_576, `${waiting} bytes were taken from the origin`);
    assert.equal(bytes, CHUNKS * CHUNK.length);
    const { output } = await user.run('--clear-cache');
    assert.equal(output, 'cleared 0 entries');
    assert.ok(peakMemoryBytes(proxy.program.pid) < 400_000_000);
  });

  it('stores what nginx serves: validated, by ranges, compressed', async function () {
    await using nginx = await startNginx(
      this,
      'gzip on; gzip_vary on; gzip_proxied any; gzip_min_length 1; gzip_types text/plain; add_header Cache-Control "max-age=1";',
    );
    await nginx.write('page', 'metric 1\n'.repeat(1_000));
    await using user: ProxyUser = await startProxyUser();
    const proxy = await user.start(['--origin', nginx.url, '--cache-all', '1h']);
    const identity = { headers: { 'Accept-Encoding': 'identity' } };
    const first = await proxy.get('/page', identity);
    const text = await first.text();
    const etag = first.headers.get('etag') ?? '';
    const zipped = await proxy.get('/page', { headers: { 'Accept-Encoding': 'gzip' } });
    const range = await proxy.get('/page', {
      headers: { ...identity.headers, Range: 'bytes=0-5', 'If-Range': etag },
    });
    const revalidated = await eventually('the page to be old', async () => {
      const mark = await proxy.mark('/page', identity);
      return mark === 'HIT' ? undefined : mark;
    });
    const missing = await proxy.get('/missing');

    assert.deepEqual([first.status, text.length], [200, 9_000]);
    assert.equal(zipped.headers.get('content-encoding'), 'gzip');
    assert.equal(await zipped.text(), text);
    assert.deepEqual([range.status, await range.text()], [206, 'metric']);
    assert.match(range.headers.get('x-cache') ?? '', /^(?:HIT|REVALIDATED)$/);
    assert.equal(revalidated, 'REVALIDATED');
    assert.equal(missing.status, 404);
  });
});
