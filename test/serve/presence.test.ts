/** Readers that half-close their connection, or leave where nobody looks. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { wasCutOff } from '../../src/serve/cut-off.ts';
import { hurrySignal } from '../../src/serve/presence.ts';
import { type Server, type ServerSettings, startServer } from '../../src/serve/server.ts';
import { eventually } from '../support/eventually.ts';
import { CertificateFolder } from './openssl.ts';
import { readAll, sendRaw } from './site-server.ts';

const REQUEST = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';

function serve(handle: RequestListener, settings: Partial<ServerSettings> = {}): Promise<Server> {
  return startServer({
    ...{ host: '127.0.0.1', port: 0, maxConnections: 100, idleMs: 60_000 },
    cut: new AbortController(),
    handle,
    ...settings,
  });
}

/** Answers only once the reader has half-closed. */
const answerAfterwards: RequestListener = ({ socket }, answer) => {
  socket.once('end', () => setImmediate(() => answer.end('here')));
};

describe('a reader that half-closes after its request', () => {
  it('gets its answer, which says that the connection ends', async () => {
    await using server = await serve(answerAfterwards);
    const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });

    socket.end(REQUEST);
    const answer = await readAll(socket);

    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(answer, /\r\nConnection: close\r\n/);
    assert.match(answer, /here/);
  });

  it('gets it over TLS too', async () => {
    using certificates = new CertificateFolder();
    const { cert: certFile, key: keyFile } = certificates.selfSigned('a');
    await using server = await serve(answerAfterwards, {
      tls: { certFile, keyFile, clientCaFile: undefined },
    });
    const raw = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    const socket = connectTls({ socket: raw, rejectUnauthorized: false });
    await once(socket, 'secureConnect');

    socket.end(REQUEST);

    assert.match(await readAll(socket), /^HTTP\/1\.1 200 OK\r\n.*here/s);
  });

  it('gets all answers to 100 requests that it has sent before', async () => {
    await using server = await serve((_, answer) => setImmediate(() => answer.end('here')));
    const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });

    socket.end(REQUEST.repeat(100));

    assert.equal((await readAll(socket)).split('HTTP/1.1 200').length, 101);
  });

  it('gets it soon, with what has arrived', async () => {
    await using server = await serve(
      (_, answer) => {
        const hurry = hurrySignal(answer);
        hurry.addEventListener('abort', () => answer.end('what there is'));
      },
      { unseenGraceMs: 10 },
    );
    const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });

    socket.end(REQUEST);

    assert.match(await readAll(socket), /what there is/);
  });
});

/** A server whose answers hang until they are to hurry, and then go out. */
async function serveHurrying() {
  const open = new Set<ServerResponse>();
  let begun = 0;
  const server = await serve(
    (request, answer) => {
      if (request.url === '/other') {
        answer.end('x');
        return;
      }
      begun++;
      open.add(answer);
      answer.once('close', () => open.delete(answer));
      hurrySignal(answer).addEventListener('abort', () => answer.end('x'));
    },
    { unseenGraceMs: 10 },
  );
  return { server, open, begun: () => begun };
}

describe('a reader that leaves', () => {
  for (const [how, leave] of [
    ['closes', (socket: Socket) => socket.destroy()],
    ['resets', (socket: Socket) => socket.resetAndDestroy()],
  ] as const) {
    it(`is missed though requests of it wait and nothing is read, when it ${how}`, async () => {
      const { server, open, begun } = await serveHurrying();
      await using _ = server;
      const socket = connect(server.port, '127.0.0.1').on('error', () => undefined);
      socket.write(REQUEST.repeat(5_000));
      await once(socket, 'ready');
      await eventually('some to hang', () => begun() >= 8 || undefined);

      leave(socket);

      await eventually('all to end', () => open.size === 0 || undefined);
      assert.ok(begun() < 1_000, `${begun()} of 5,000 were begun for nobody`);
      const text = 'GET /other HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';
      assert.match(await sendRaw(server.port, text), /200 OK/);
    });
  }

  it('takes an answer with it that does not hurry', async () => {
    const closed = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    await using server = await serve(
      (_, answer) => {
        answer.once('close', closed.resolve);
        begun.resolve();
      },
      { unseenGraceMs: 10 },
    );
    const socket = connect(server.port, '127.0.0.1');
    socket.write(REQUEST);
    await begun.promise;

    socket.destroy();

    await closed.promise;
  });

  it('is not said to have left when promgate ends what never answers while nothing is read', async () => {
    const ended = Promise.withResolvers<boolean>();
    await using server = await serve(
      ({ socket }, answer) => answer.once('close', () => ended.resolve(wasCutOff(socket))),
      { unseenGraceMs: 10 },
    );
    const socket = connect(server.port, '127.0.0.1').on('error', () => undefined);

    socket.write(REQUEST.repeat(20));

    assert.equal(await ended.promise, true);
    socket.destroy();
  });

  it('leaves no answer behind for which a stop would wait', async () => {
    const reasons: string[] = [];
    await using server = await serve(() => undefined, {
      unseenGraceMs: 10,
      onClientError: (reason) => void reasons.push(reason),
      sleep: async (ms, signal) => void (ms > 0 && (await once(signal, 'abort'))),
    });
    const sockets = Array.from({ length: 6 }, () =>
      connect(server.port, '127.0.0.1').on('error', () => undefined),
    );
    for (const socket of sockets) socket.write(REQUEST.repeat(1_500));
    await eventually('one to be ended', () => reasons.includes('pipelined') || undefined);

    for (const socket of sockets) socket.destroy();

    await server.drain(0); // its waits never end by themselves
  });
});
