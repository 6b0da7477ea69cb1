import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import type { ClientError } from '../../src/serve/connections.ts';
import type { Handler } from '../../src/serve/request.ts';
import type { ServerSettings } from '../../src/serve/server.ts';
import { readAll, requestText, sendRaw, serveFrame } from './frame-server.ts';

/** Waits that end when the test says so. */
function stoppedTime() {
  const waits: { readonly ms: number; readonly end: () => void }[] = [];
  let announce = Promise.withResolvers<void>();
  const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      waits.push({ ms, end: resolve });
      signal.addEventListener('abort', () => resolve(), { once: true });
      announce.resolve();
    });
  /** Ends the wait that is under way, or the next that begins. @returns its milliseconds */
  const pass = async (): Promise<number> => {
    while (waits.length === 0) {
      await announce.promise;
      announce = Promise.withResolvers();
    }
    const wait = waits.shift()!; // there is one, as just seen
    wait.end();
    return wait.ms;
  };
  return { sleep, pass };
}

/** A handler that answers when its request is cut or let go. */
function held() {
  const asked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const handle: Handler = async (ctx) => {
    asked.resolve();
    const cut = new Promise<string>((resolve) =>
      ctx.state.cut.addEventListener('abort', () => resolve('cut')),
    );
    ctx.body = await Promise.race([cut, released.promise.then(() => 'whole')]);
  };
  return { handle, asked: asked.promise, release: () => released.resolve() };
}

const hello: Handler = (ctx) => {
  ctx.body = 'hello';
};

async function refusals(settings: Partial<ServerSettings> = {}) {
  const reasons: ClientError[] = [];
  const site = await serveFrame(
    { routes: [{ name: 'hello', path: '/hello', handle: hello }] },
    { ...settings, onClientError: (reason) => reasons.push(reason) },
  );
  return { ...site, reasons };
}

async function ask(url: string, agent?: Agent): Promise<IncomingMessage & { text: string }> {
  const [answer] = await once(get(url, agent ? { agent } : {}), 'response');
  let text = '';
  for await (const chunk of answer) text += chunk;
  return Object.assign(answer, { text });
}

describe('startServer', () => {
  it('answers what is no HTTP with 400, and counts it', async () => {
    await using site = await refusals();

    const answer = await sendRaw(site.port, 'what is this\r\n\r\n');

    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.match(answer, /Content-Type: application\/problem\+json\r\n/);
    assert.match(answer, /"code":"bad-request"/);
    assert.deepEqual(site.reasons, ['malformed']);
  });

  it('answers CONNECT with 405, and counts it', async () => {
    await using site = await refusals();

    const answer = await sendRaw(site.port, 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n');

    assert.match(answer, /^HTTP\/1\.1 405 /);
    assert.match(answer, /"code":"method-not-allowed"/);
    assert.deepEqual(site.reasons, ['malformed']);
  });

  it('takes no harm from a reset behind CONNECT', async () => {
    await using site = await refusals();
    for (let count = 0; count < 20; count++) {
      const socket = connect(site.port, '127.0.0.1');
      await once(socket, 'connect');
      socket.write('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n');
      socket.resetAndDestroy();
    }

    const answer = await sendRaw(site.port, requestText('/hello', ['Connection: close']));

    assert.match(answer, /^HTTP\/1\.1 200 /);
  });

  it('answers a request with an expectation that it does not know', async () => {
    await using site = await refusals();

    const answer = await sendRaw(
      site.port,
      requestText('/hello', ['Expect: foo', 'Connection: close']),
    );

    assert.match(answer, /^HTTP\/1\.1 200 /);
  });

  it('answers huge headers with 431', async () => {
    await using site = await refusals();

    const answer = await sendRaw(site.port, requestText('/hello', [`X: ${'x'.repeat(20_000)}`]));

    assert.match(answer, /^HTTP\/1\.1 431 /);
    assert.deepEqual(site.reasons, ['headers-too-large']);
  });

  it('answers a head that never ends with 408', async () => {
    const limits = { headersTimeout: 20, requestTimeout: 20, connectionsCheckingInterval: 5 };
    await using site = await refusals({ limits });

    const answer = await sendRaw(site.port, 'GET /hello HTTP/1.1\r\nHost: h\r\n');

    assert.match(answer, /^HTTP\/1\.1 408 /);
    assert.deepEqual(site.reasons, ['too-slow']);
  });

  it('does not mix a refusal into an answer that is under way', async () => {
    const body = new Readable({ read: () => undefined });
    const handle: Handler = (ctx) => {
      ctx.body = body;
    };
    await using site = await serveFrame({ routes: [{ name: 'x', path: '/x', handle }] });
    const socket = connect(site.port, '127.0.0.1');
    socket.on('error', () => undefined); // it is broken off
    const all = readAll(socket);
    socket.write('GET /x HTTP/1.1\r\nHost: h\r\n\r\n');
    body.push('begun');
    await once(socket, 'data');

    socket.write('garbage\r\n\r\n');

    assert.doesNotMatch(await all, /400|problem/);
  });

  it('closes an idle connection for a new one at its bound, and counts it', async () => {
    await using site = await refusals({ maxConnections: 1 });
    const first = connect(site.port, '127.0.0.1');
    await once(first, 'connect');
    first.write(requestText('/hello').replace('Connection: close', 'Connection: keep-alive'));
    await once(first, 'data');

    const second = await sendRaw(site.port, requestText('/hello'));

    assert.match(second, /hello$/);
    assert.deepEqual(site.reasons, ['idle']);
    first.destroy();
  });

  it('closes a connection whose reader takes nothing', async () => {
    const handle: Handler = (ctx) => {
      ctx.body = new Readable({ read: () => undefined });
    };
    await using site = await serveFrame(
      { routes: [{ name: 'x', path: '/x', handle }] },
      { idleMs: 20 },
    );

    assert.doesNotMatch(await sendRaw(site.port, requestText('/x')), /\r\n0\r\n/);
  });

  it('keeps idle connections longer than gorouter does', async () => {
    await using site = await refusals();
    using agent = new DisposableAgent();

    const { headers } = await ask(`${site.url}/hello`, agent);

    assert.equal(headers['keep-alive'], 'timeout=95');
  });
});

class DisposableAgent extends Agent implements Disposable {
  constructor() {
    super({ keepAlive: true });
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

describe('draining', () => {
  it('accepts requests for its wait, each the last of its connection, then no more', async () => {
    const { sleep, pass } = stoppedTime();
    await using site = await refusals({ sleep });
    using agent = new DisposableAgent();
    assert.equal((await ask(`${site.url}/hello`, agent)).headers.connection, 'keep-alive');

    const drained = site.drain(2000);
    const during = await ask(`${site.url}/hello`, agent);
    assert.equal(during.text, 'hello');
    assert.equal(during.headers.connection, 'close');
    assert.equal(await pass(), 2000);
    await drained;

    await assert.rejects(ask(`${site.url}/hello`), { code: 'ECONNREFUSED' });
  });

  it('lets an open answer end, and ends with it', async () => {
    const { sleep, pass } = stoppedTime();
    const { handle, asked, release } = held();
    await using site = await serveFrame({ routes: [{ name: 'x', path: '/x', handle }] }, { sleep });
    const answer = ask(`${site.url}/x`);
    await asked;

    const drained = site.drain(0);
    await pass();
    release();
    await drained;

    assert.equal((await answer).text, 'whole');
    assert.equal((await answer).headers.connection, 'close');
  });

  it('cuts an open answer after 4 s more', async () => {
    const { sleep, pass } = stoppedTime();
    const { handle, asked } = held();
    await using site = await serveFrame({ routes: [{ name: 'x', path: '/x', handle }] }, { sleep });
    const answer = ask(`${site.url}/x`);
    await asked;

    const drained = site.drain(2000);
    assert.equal(await pass(), 2000);
    assert.equal(await pass(), 4000);
    await drained;

    assert.equal((await answer).text, 'cut');
  });

  it('gives up an answer that does not end, after 2 s more: 8 s in all', async () => {
    const { sleep, pass } = stoppedTime();
    const left = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const handle: Handler = async (ctx) => {
      asked.resolve();
      await once(ctx.state.signal, 'abort');
      left.resolve();
    };
    await using site = await serveFrame({ routes: [{ name: 'x', path: '/x', handle }] }, { sleep });
    const answer = ask(`${site.url}/x`);
    await asked.promise;

    const drained = site.drain(2000);
    const waited = [await pass(), await pass(), await pass()];
    await drained;
    await Promise.all([site[Symbol.asyncDispose](), assert.rejects(answer), left.promise]);

    assert.deepEqual(waited, [2000, 4000, 2000]);
  });

  it('is over at once when the server is disposed of', async () => {
    const { sleep } = stoppedTime();
    const site = await refusals({ sleep });
    const drained = site.drain(2000);

    await site[Symbol.asyncDispose]();
    await drained;
    await site[Symbol.asyncDispose]();
  });
});
