import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { Lane, type LanePlace, type PreparedAnswer } from '../../src/serve/lane.ts';
import { observeRequests, type RequestRecord } from '../../src/serve/request-log.ts';
import { eventually } from '../support/eventually.ts';
import { serveFrame } from './frame-server.ts';

const KEPT: PreparedAnswer = {
  headers: { 'Content-Type': 'text/plain', 'X-Cache': 'HIT' },
  body: Buffer.from('kept\n'),
  instances: { ok: 2, failed: 1 },
};

/** A server whose handler answers `made`, and gives later equal requests a place in the lane. */
async function startLane(current: LanePlace['current'] = () => KEPT) {
  const records: RequestRecord[] = [];
  const observers = { onEnd: (record: RequestRecord) => void records.push(record) };
  const lane = new Lane({ observers, maxTimeoutMs: 10_000 });
  let made = 0;
  const server = await serveFrame({
    ...{ lane, observe: observeRequests(observers) },
    routes: [
      {
        ...{ name: 'page', path: '/page' },
        handle: (ctx) => {
          made++;
          if (ctx.method === 'GET') lane.add(ctx.req, { handler: ctx.state.handler, current });
          ctx.body = 'made\n';
        },
      },
    ],
  });
  const ask = async (headers: Record<string, string> = {}, method = 'GET') => {
    const answer = await fetch(`${server.url}/page?a=1`, { method, headers });
    return answer.text();
  };
  return { ...server, ask, lane, records, made: () => made };
}

describe('Lane', () => {
  it('answers a request that is equal to an earlier one, whatever names its program and trace', async () => {
    await using server = await startLane();
    const { ask } = server;

    assert.equal(await ask({ 'X-Request-Start': '1', 'User-Agent': 'a' }), 'made\n');
    assert.equal(await ask({ 'X-Request-Start': '2', 'User-Agent': 'b' }), 'kept\n');
    assert.equal(await ask({ 'X-B3-TraceId': '3' }), 'kept\n');
    assert.equal(server.made(), 1);
  });

  it('answers no request that differs in a header, its value or the method', async () => {
    await using server = await startLane();
    const { ask } = server;
    await ask({ Authorization: 'Basic a' });

    assert.equal(await ask(), 'made\n');
    assert.equal(await ask({ Authorization: 'Basic b' }), 'made\n');
    assert.equal(await ask({ Authorization: 'Basic a', Cookie: 'a' }), 'made\n');
    assert.equal(await ask({ Authorization: 'Basic a' }, 'HEAD'), '');
    assert.equal(await ask({ Authorization: 'Basic a' }), 'kept\n');
  });

  it('tells readers apart, whose requests are equal', async () => {
    const readers: string[] = [];
    await using server = await startLane((reader) => {
      readers.push(reader);
      return KEPT;
    });
    const { ask } = server;

    for (const reader of ['10.0.0.1', '10.0.0.2']) {
      await ask({ 'X-Forwarded-For': `${reader}, 10.255.0.1` });
    }
    await ask();

    assert.deepEqual(readers, ['10.0.0.2', '127.0.0.1']);
  });

  it('asks anew when the answer is not current', async () => {
    let answer: PreparedAnswer | undefined = KEPT;
    await using server = await startLane(() => answer);
    const { ask, lane } = server;
    await ask();
    assert.equal(lane.size, 1);

    answer = undefined;
    assert.equal(await ask(), 'made\n');

    answer = KEPT;
    assert.equal(await ask(), 'kept\n');
  });

  it('is observed as the long way is', async () => {
    await using server = await startLane();
    const { ask, records } = server;
    await ask();
    await ask();

    await eventually('both have ended', () => records.length === 2 || undefined);
    const { atMs, durationMs, bytes, ...rest } = records[1]!;
    assert.deepEqual(rest, {
      ...{ method: 'GET', path: '/page', query: 'a=1', handler: 'page', status: 200 },
      ...{ left: false, cutOff: false, instances: { ok: 2, failed: 1 } },
    });
    assert.ok(atMs <= Date.now() && durationMs >= 0 && bytes > KEPT.body.length);
  });

  it('has room for a bounded number of requests', () => {
    const lane = new Lane({ observers: { onEnd: () => undefined }, maxTimeoutMs: 10_000 });
    const place = { handler: 'page', current: () => KEPT };

    for (let count = 0; count < 20_000; count++) {
      lane.add(
        Object.assign(new IncomingMessage(new Socket()), { method: 'GET', url: `/${count}` }),
        place,
      );
    }

    assert.ok(lane.size > 10_000 && lane.size < 13_000, `${lane.size}`);
  });

  it('has no place for a request with long headers', async () => {
    await using server = await startLane();
    const { ask, lane } = server;

    await ask({ 'X-Long': 'a'.repeat(5_000) });

    assert.equal(lane.size, 0);
  });
});
