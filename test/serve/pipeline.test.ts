import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { limitPipelining, MAX_RUNNING } from '../../src/serve/pipeline.ts';
import { eventually } from '../support/eventually.ts';

describe('limitPipelining', () => {
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
