/** Connections that have no answer under way, whatever they have sent, make room for new ones. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get as getPlain } from 'node:http';
import { get as getSecure } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { type Server, startServer } from '../../src/serve/server.ts';
import { eventually } from '../support/eventually.ts';
import { CertificateFolder } from './openssl.ts';

const MAX_CONNECTIONS = 200;
const REQUEST = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';
const HANG = 'GET /hang HTTP/1.1\r\nHost: h\r\n\r\n';

interface Crowd extends AsyncDisposable {
  readonly server: Server;
  readonly reasons: string[];
  /** Resolves when a request hangs. */
  readonly hangs: Promise<void>;
  /** Opens one more connection, to be closed at the end. */
  readonly open: () => Promise<Socket>;
  readonly openTls: () => Promise<TLSSocket>;
}

async function serve(secure: boolean): Promise<Crowd> {
  await using parts = new AsyncDisposableStack();
  const certificates = parts.use(new CertificateFolder());
  const files = secure ? certificates.selfSigned('a') : undefined;
  const reasons: string[] = [];
  const hangs = Promise.withResolvers<void>();
  const server = parts.use(
    await startServer({
      ...{ host: '127.0.0.1', port: 0, maxConnections: MAX_CONNECTIONS, idleMs: 60_000 },
      cut: new AbortController(),
      tls: files && { certFile: files.cert, keyFile: files.key },
      handle: (request, answer) => {
        if (request.url === '/hang') hangs.resolve();
        else answer.end('here');
      },
      onClientError: (reason) => void reasons.push(reason),
    }),
  );
  const sockets = parts.use(new AsyncDisposableStack());
  const open = async (): Promise<Socket> => {
    const socket = connect(server.port, '127.0.0.1').on('error', () => undefined);
    sockets.defer(() => void socket.destroy());
    await once(socket, 'connect');
    return socket.resume();
  };
  const openTls = async (): Promise<TLSSocket> => {
    const socket = connectTls({ socket: await open(), rejectUnauthorized: false });
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    return socket.resume();
  };
  const owned = parts.move();
  return {
    ...{ server, reasons, open, openTls, hangs: hangs.promise },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** @returns the status of an answer on a connection of its own */
async function ask({ url }: Server): Promise<number | undefined> {
  const get = url.startsWith('https') ? getSecure : getPlain;
  const options = { agent: false, rejectUnauthorized: false };
  const [answer] = await once(get(url, options), 'response');
  answer.resume();
  return answer.statusCode;
}

/** What a client does on a connection before it leaves it as it is. */
const KINDS: Readonly<Record<string, (crowd: Crowd) => Promise<unknown>>> = {
  'send nothing': ({ open }) => open(),
  'send half a head': async ({ open }) => (await open()).write('GET / HTTP/1.1\r\nHost: h\r\n'),
  'have got an answer': async ({ open }) => {
    const socket = await open();
    socket.write(REQUEST);
    await once(socket, 'data');
  },
  'never begin a handshake': ({ open }) => open(),
  'never end a handshake': async ({ open }) => (await open()).write(Buffer.from('160301', 'hex')),
  'send nothing over TLS': ({ openTls }) => openTls(),
  'have got an answer over TLS': async ({ openTls }) => {
    const socket = await openTls();
    socket.write(REQUEST);
    await once(socket, 'data');
  },
};

describe('more connections than there may be', () => {
  for (const [kind, connectOne] of Object.entries(KINDS)) {
    it(`that ${kind} leave new ones theirs, and those that are answered`, async () => {
      const secure = /TLS|handshake/.test(kind);
      await using crowd = await serve(secure);
      const busy = await (secure ? crowd.openTls() : crowd.open());
      busy.write(HANG);
      await crowd.hangs;

      for (let n = 0; n < MAX_CONNECTIONS * 2; n++) await connectOne(crowd);

      assert.equal(await ask(crowd.server), 200);
      await eventually('idle ones to be ended', () => crowd.reasons.includes('idle') || undefined);
      assert.ok(!crowd.reasons.includes('too-many-connections'));
      assert.ok(!busy.destroyed && !busy.readableEnded);
    });
  }
});
