import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { Backlog } from '../../src/serve/backlog.ts';
import { eventually } from '../support/eventually.ts';
import { startOrigin, type TestOrigin } from '../support/proxy.ts';

const SIZE = 16 * 1024 * 1024; // more than the system takes for a reader that reads nothing

function reader({ url }: TestOrigin, path: string): Socket {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').pause();
  socket.on('error', () => undefined); // it may be reset
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  return socket;
}

describe('Backlog', () => {
  it('cuts off who has waited longest for what is not stored, and counts a shared body once', async () => {
    let cut = 0;
    const backlog = new Backlog({ maxBytes: 2 * SIZE, onCut: () => cut++ });
    const bodies = new Map(['/stored', '/a', '/b', '/c'].map((path) => [path, Buffer.alloc(SIZE)]));
    let answered = 0;
    await using server = await startOrigin((request, response) => {
      const body = bodies.get(request.url ?? '')!;
      response.end(body);
      backlog.add(response, body, () => request.url === '/stored');
      answered++;
    });
    const until = (count: number) =>
      eventually('answers', () => (answered === count ? true : undefined));
    const sockets = [reader(server, '/stored')];
    await until(1);
    sockets.push(reader(server, '/a'), reader(server, '/a'));
    await until(3);
    sockets.push(reader(server, '/b'));
    await until(4);
    assert.deepEqual([backlog.bytes, cut], [3 * SIZE, 0]);
    sockets.push(reader(server, '/c'));
    await until(5);

    assert.deepEqual([backlog.bytes, cut], [3 * SIZE, 2]);
    for (const socket of sockets) socket.destroy();
    await eventually('nothing to wait', () => (backlog.bytes === 0 ? true : undefined));
  });

  it('counts nothing for an answer that has gone', async () => {
    const backlog = new Backlog({ maxBytes: 10, onCut: () => assert.fail('nobody is slow') });
    const body = Buffer.from('page');
    await using server = await startOrigin((_, response) => {
      response.end(body);
      backlog.add(response, body, () => false);
    });
    await (await fetch(server.url)).text();

    assert.equal(backlog.bytes, 0);
  });
});
