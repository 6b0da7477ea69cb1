import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { eventually } from './support/eventually.ts';
import { SLOW_MS } from './support/limits.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const LOOPBACK = ['--port', '0', '--set', 'listen.host=127.0.0.1'];

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** promgate as a program; killed at the end if it still runs. */
class Program implements AsyncDisposable {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly ended: Promise<Ended>;
  readonly #lines: AsyncIterator<string>;

  constructor(args: readonly string[], environment = {}, options: readonly string[] = []) {
    this.child = spawn(process.execPath, [...options, MAIN, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], ...environment },
    });
    let output = '';
    let errors = '';
    this.child.stdout.on('data', (chunk: Buffer) => {
      output += chunk;
    });
    this.child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk;
    });
    this.#lines = createInterface(this.child.stdout)[Symbol.asyncIterator]();
    this.ended = once(this.child, 'close').then(([code]) => ({ code, output, errors }));
  }

  /** Reads its log up to the line with this message. */
  async logged(message: string): Promise<Readonly<Record<string, unknown>>> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`ended without "${message}": ${JSON.stringify(await this.ended)}`);
      const line = JSON.parse(value) as Readonly<Record<string, unknown>>;
      if (line['msg'] === message) return line;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

async function run(args: readonly string[], environment = {}): Promise<Ended> {
  await using program = new Program(args, environment);
  return await program.ended;
}

describe('promgate', function () {
  this.timeout(SLOW_MS);

  it('prints how it is used, and its version', async () => {
    for (const args of [['--help'], ['-h'], ['serve', '--help']]) {
      const { code, output, errors } = await run(args);
      assert.equal(code, 0);
      assert.match(output, /^usage:$/m);
      assert.equal(errors, '');
    }
    const { code, output } = await run(['--version']);
    assert.equal(code, 0);
    assert.match(output, /^\d+\.\d+\.\d+\n$/);
  });

  const wrong: readonly (readonly [args: readonly string[], error: string])[] = [
    [[], 'a command is missing'],
    [['sreve'], 'there is no such command: sreve'],
    [['serve', 'check'], 'one command is enough: check is too much'],
    [['serve', '--colour'], "Unknown option '--colour'"],
    [['serve', '--config'], "Option '--config <value>' argument missing"],
    [['serve', '--set', 'scrape.timeout'], '--set takes KEY=VALUE, not "scrape.timeout"'],
  ];
  for (const [args, error] of wrong) {
    it(`refuses ${JSON.stringify(args.join(' '))} with 2 and says how it is used`, async () => {
      const { code, output, errors } = await run(args);
      assert.equal(code, 2);
      assert.equal(output, '');
      assert.ok(errors.startsWith(error), errors);
      assert.match(errors, /^usage:$/m);
    });
  }
});

describe('promgate check', function () {
  this.timeout(SLOW_MS);

  it('prints what takes effect, and warns of open doors', async () => {
    const { code, output, errors } = await run(['check', '--set', 'scrape.timeout=5s'], {
      PORT: '8123',
    });

    assert.equal(code, 0);
    assert.match(output, /^ {2}port: 8123$/m);
    assert.match(output, /^ {2}timeout: 5s$/m);
    assert.match(errors, /^warning: auth\.mode is open: .*0\.0\.0\.0 port 8123/m);
  });

  it('refuses with 2 what is wrong, each fault on a line', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-main-'));
    await using files = new AsyncDisposableStack();
    files.defer(() => rm(folder, { recursive: true }));
    const file = path.join(folder, 'promgate.yml');
    await writeFile(file, 'scrape:\n  timeout: soon\n');

    const { code, output, errors } = await run(['check', '--port', 'x'], { PROMGATE_CONFIG: file });

    assert.equal(code, 2);
    assert.equal(output, '');
    assert.deepEqual(
      errors.split('\n').map((line) => line.split(' is ')[0]),
      ['--port: listen.port', `${file}:2: scrape.timeout`, ''],
    );
  });
});

describe('promgate serve', function () {
  this.timeout(SLOW_MS);

  it('answers until SIGTERM, then ends with 0', async () => {
    await using program = new Program(['serve', ...LOOPBACK, '--set', 'drain.wait=0s']);
    const { url } = await program.logged('promgate listens');
    const answer = await fetch(`${url}/healthz`);
    assert.equal(await answer.text(), 'ok\n');

    program.child.kill('SIGTERM');
    const { code, output, errors } = await program.ended;

    assert.equal(code, 0);
    assert.equal(errors, '');
    for (const line of output.trimEnd().split('\n')) JSON.parse(line);
  });

  it('falls from readiness and still answers while it drains; a repeated SIGINT ends it at once', async () => {
    await using program = new Program(['serve', ...LOOPBACK, '--set', 'drain.wait=10m']);
    const { url } = await program.logged('promgate listens');

    program.child.kill('SIGINT');
    await program.logged('promgate stops');
    assert.equal((await fetch(`${url}/readyz`)).status, 503);
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    // The first one may come twice: npm passes on what the terminal sends to all.
    const ended = await eventually('the end', () => {
      program.child.kill('SIGINT');
      return Promise.race([program.ended, setImmediate(undefined)]);
    });

    assert.equal(ended.code, 130);
  });

  it('answers 503 on its health port while it drains', async () => {
    const options = ['--set', 'drain.wait=10m', '--set', `listen.health_port=${await freePort()}`];
    await using program = new Program(['serve', ...LOOPBACK, ...options]);
    await program.logged('promgate listens');
    const healthUrl = `http://127.0.0.1:${options.at(-1)?.split('=')[1]}`;
    assert.equal((await fetch(`${healthUrl}/any`)).status, 200);

    program.child.kill('SIGTERM');
    await program.logged('promgate stops');

    assert.equal((await fetch(`${healthUrl}/any`)).status, 503);
  });

  it('asks for a credential in mode basic', async () => {
    await using program = new Program(['serve', ...LOOPBACK], {
      PROMGATE_AUTH_MODE: 'basic',
      PROMGATE_AUTH_OPERATORS: '[{"username":"ops","password":"hunter2"}]',
    });
    const { url } = await program.logged('promgate listens');
    const headers = { Authorization: `Basic ${Buffer.from('ops:hunter2').toString('base64')}` };

    assert.equal((await fetch(`${url}/metrics`)).status, 401);
    assert.equal((await fetch(`${url}/metrics`, { headers })).status, 200);
    assert.equal((await fetch(`${url}/readyz`)).status, 200);
  });

  it('ends with 2 on a wrong configuration', async () => {
    const { code, output, errors } = await run(['serve', '--set', 'log.level=loud']);
    assert.equal(code, 2);
    assert.equal(output, '');
    assert.equal(
      errors,
      '--set log.level: log.level is "loud", but must be one of debug, info, warn, error\n',
    );
  });

  it('ends with 1 and one line of JSON when its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;

    const { code, output, errors } = await run([
      ...['serve', '--port', String(port), '--set', 'listen.host=127.0.0.1'],
    ]);
    other.close();

    assert.equal(code, 1);
    assert.equal(errors, '');
    const { level, msg, err } = JSON.parse(output);
    assert.equal(level, 'fatal');
    assert.equal(msg, 'promgate cannot start');
    assert.equal(err.code, 'EADDRINUSE');
    assert.equal(
      err.message,
      `cannot listen on 127.0.0.1:${port} (listen.host, listen.port): another program listens there already; end it, or set another port`,
    );
  });

  it('ends with 1 and one line of JSON when a part cannot be loaded once the port is open', async () => {
    const fault = `
      import { registerHooks } from 'node:module';
      registerHooks({
        resolve(specifier, context, next) {
          if (specifier === 'koa') throw new Error('no koa here');
          return next(specifier, context);
        },
      });
    `;
    const options = ['--import', `data:text/javascript,${encodeURIComponent(fault)}`];
    await using program = new Program(['serve', ...LOOPBACK], {}, options);

    const { code, output, errors } = await program.ended;

    assert.equal(code, 1);
    assert.equal(errors, '');
    const { level, msg, err } = JSON.parse(output);
    assert.deepEqual([level, msg], ['fatal', 'promgate cannot start']);
    assert.equal(err.message, 'no koa here');
  });

  it('ends with 1 and one line of JSON when an error is not caught', async () => {
    const fault = `
      const timer = setInterval(() => {
        if (process.listenerCount('uncaughtException') === 0) return;
        clearInterval(timer);
        Promise.reject(new Error('left alone'));
      }, 5);
    `;
    const options = ['--import', `data:text/javascript,${encodeURIComponent(fault)}`];
    await using program = new Program(['serve', ...LOOPBACK], {}, options);

    const { code, output } = await program.ended;

    assert.equal(code, 1);
    const lines = output
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const fatal = lines.filter(({ level }) => level === 'fatal');
    assert.deepEqual(
      fatal.map(({ err }) => err.message),
      ['left alone'],
    );
  });
});

describe('promgate demo', function () {
  this.timeout(SLOW_MS);

  it('prints what to open, and ends with Ctrl-C', async () => {
    await using program = new Program(['demo', '--port', '0']);
    let output = '';
    for await (const chunk of program.child.stdout) {
      output += chunk;
      if (output.includes('Ctrl-C')) break;
    }
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(output) ?? [];

    const answer = await fetch(`${url}/healthz`);
    program.child.kill('SIGINT');

    assert.equal(answer.status, 200);
    assert.match(output, /curl -s http/);
    assert.equal((await program.ended).code, 0);
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on a port
  await new Promise((resolve) => server.close(resolve));
  return port;
}
