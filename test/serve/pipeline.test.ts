import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { limitPipelining, MAX_RUNNING, MAX_WAITING } from '../../src/serve/pipeline.ts';
import { eventually } from '../support/eventually.ts';

const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
/** The most requests of one read of 64 KiB. */
const MOST_OF_A_READ = Math.ceil(65_536 / REQUEST.length);

/** A server behind the limit; `parsed` counts what Node has read, handled or not. */
async function serve(
  handle: RequestListener,
  end = (socket: Socket): void => void socket.destroy(),
) {
  const server = createServer(limitPipelining(handle, { end })).listen(0, '127.0.0.1');
  let parsed = 0;
  server.prependListener('request', () => {
    parsed++;
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    open: () => connect(port, '127.0.0.1').on('error', () => undefined),
    parsed: () => parsed,
    [Symbol.asyncDispose]: () => {
      server.closeAllConnections();
      return server[Symbol.asyncDispose]();
    },
  };
}

/** A request on a connection of its own, from its begin to its end. */
async function ask(open: () => Socket): Promise<void> {
  const socket = open();
  socket.write('GET /other HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(socket, 'data');
  socket.destroy();
}

describe('limitPipelining', () => {
  it('reads no more of 20,000 requests than one read brings, while eight hang', async () => {
    await using server = await serve((request, answer) => {
      if (request.url === '/other') answer.end('x');
    });
    const socket = server.open();

    socket.write(REQUEST.repeat(20_000));
    await eventually('eight to run', () => server.parsed() >= MAX_RUNNING || undefined);
    for (let n = 0; n < 20; n++) await ask(server.open);

    assert.ok(server.parsed() <= MOST_OF_A_READ + 20, String(server.parsed()));
    socket.destroy();
  });

  it('ends the connection with the most requests waiting when too many wait over all', async () => {
    const ended: (number | undefined)[] = [];
    const open: Socket[] = [];
    await using server = await serve(
      () => undefined,
      (socket) => {
        ended.push(socket.remotePort);
        socket.destroy();
      },
    );
    const small = server.open();
    small.write(REQUEST.repeat(20));
    await eventually('the small one', () => server.parsed() === 20 || undefined);

    for (let n = 0; n <= MAX_WAITING / 1_000; n++) {
      const socket = server.open();
      open.push(socket);
      socket.write(REQUEST.repeat(1_000));
    }
    await eventually('one to be ended', () => ended.length > 0 || undefined);

    assert.ok(!ended.includes(small.localPort));
    for (const socket of [small, ...open]) socket.destroy();
  });

  it('runs eight of 2,000 requests of a connection at once, and answers all of them', async () => {
    const open = new Set<ServerResponse>();
    let most = 0;
    let begun = 0;
    await using server = createServer(
      limitPipelining((_, answer) => {
        begun++;
        open.add(answer);
        most = Math.max(most, open.size);
        answer.once('close', () => open.delete(answer));
        if (begun > MAX_RUNNING) answer.end('x');
      }),
    ).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    let received = '';
    socket.on('data', (data) => {
      received += data;
    });

    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(2_000));
    await eventually('eight to run', () => open.size === MAX_RUNNING || undefined);
    assert.equal(begun, MAX_RUNNING);
    for (const answer of open) answer.end('x');

    await eventually(
      'all answers',
      () => received.split('HTTP/1.1 200').length === 2_001 || undefined,
    );
    assert.equal(most, MAX_RUNNING);
    socket.destroy();
  });
});
