/** What readers do to connections: hold them idle, or leave. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { type ServerSettings, startServer } from '../../src/serve/server.ts';
import { eventually } from '../support/eventually.ts';

async function serve(settings: Pick<ServerSettings, 'handle'> & Partial<ServerSettings>) {
  return startServer({
    ...{ host: '127.0.0.1', port: 0, maxConnections: 100, idleMs: 60_000, unseenGraceMs: 10 },
    cut: new AbortController(),
    ...settings,
  });
}

async function open(port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => undefined); // closed by the server
  await once(socket, 'connect');
  return socket;
}

describe('connections of readers', () => {
  it('make room for a new one by ending the one that has been idle longest', async () => {
    const errors: string[] = [];
    await using server = await serve({
      maxConnections: 3,
      handle: (request, response) => {
        if (request.url !== '/hang') response.end('here');
      },
      onClientError: (reason) => void errors.push(reason),
    });
    const hanging = await open(server.port);
    hanging.write('GET /hang HTTP/1.1\r\nHost: x\r\n\r\n');
    const half = await open(server.port);
    half.write('GET / HTTP/1.1\r\n');
    const idle = await open(server.port);

    const answer = await fetch(`${server.url}/healthz`, { headers: { Connection: 'close' } });

    assert.equal(await answer.text(), 'here');
    await eventually(
      'the oldest idle one to be closed',
      () => half.destroyed || half.readableEnded || undefined,
    );
    assert.deepEqual(errors, ['idle']);
    assert.ok(!hanging.destroyed && !idle.destroyed);
    for (const socket of [hanging, half, idle]) socket.destroy();
  });

  it('are refused where none is idle', async () => {
    const errors: string[] = [];
    const began = Promise.withResolvers<void>();
    await using server = await serve({
      maxConnections: 1,
      handle: () => began.resolve(),
      onClientError: (reason) => void errors.push(reason),
    });
    const hanging = await open(server.port);
    hanging.write('GET /hang HTTP/1.1\r\nHost: x\r\n\r\n');
    await began.promise;

    const refused = await open(server.port);
    refused.resume();
    await once(refused, 'close');

    assert.deepEqual(errors, ['too-many-connections']);
    assert.ok(!hanging.destroyed);
    hanging.destroy();
  });

  it('tell of a reader that has left while its answer is not ready', async () => {
    const left = Promise.withResolvers<void>();
    const began = Promise.withResolvers<void>();
    await using server = await serve({
      handle: (_request, response) => {
        response.once('close', () => left.resolve());
        began.resolve();
      },
    });
    const socket = await open(server.port);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await began.promise;
    socket.destroy();

    await left.promise;
  });
});
