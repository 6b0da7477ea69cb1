import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { endPrepared } from '../../src/serve/prepared.ts';
import { eventually } from '../support/eventually.ts';
import { startOrigin } from '../support/proxy.ts';

const BYTES = Buffer.from('HTTP/1.1 203 Kept\r\nContent-Length: 4\r\n\r\npage');

describe('endPrepared', () => {
  it('ends an answer of this version of Node, and keeps the connection', async () => {
    const seen: (readonly [boolean, boolean, number])[] = [];
    await using server = await startOrigin((_, response) => {
      const isDone = endPrepared(response, 203, BYTES);
      seen.push([isDone, response.headersSent, response.statusCode]);
    });
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    let answers = '';
    socket.on('data', (part) => {
      answers += part.toString();
    });
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(2));
    await eventually('two answers', () => answers.length >= 2 * BYTES.length || undefined);
    socket.destroy();

    assert.deepEqual(seen, [
      [true, true, 203],
      [true, true, 203],
    ]);
    assert.equal(answers, `${BYTES}${BYTES}`);
  });

  it('writes nothing if Node has other fields, or the head is written', () => {
    for (const inner of [{}, { _header: undefined }, { _header: 'x', _headerSent: true }]) {
      const end = (): never => assert.fail('it must not be ended');
      const response = { ...inner, end } as unknown as ServerResponse;

      assert.equal(endPrepared(response, 200, BYTES), false);
    }
  });
});
