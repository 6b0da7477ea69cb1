import assert from 'node:assert/strict';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Turns } from '../../src/clock.ts';
import { Problem } from '../../src/serve/errors.ts';
import { type Answering, KnownRequests } from '../../src/serve/known-requests.ts';
import { newState } from '../../src/serve/request.ts';
import { observeRequests, type RequestRecord } from '../../src/serve/request-log.ts';
import type { Scope } from '../../src/serve/scope.ts';
import { pageOf, status } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { routesJson } from '../support/foundation.ts';
import { startPromgate } from '../support/promgate.ts';
import { startApp } from '../support/running-app.ts';
import { serveFrame } from './frame-server.ts';

/** A server whose handler answers `made`, and lets later equal requests go to `answer`. */
async function startKnown(answer: Answering, scope: Scope = 'all') {
  const records: RequestRecord[] = [];
  const observers = { onEnd: (record: RequestRecord) => void records.push(record) };
  const known = new KnownRequests({ observers, cut: new AbortController().signal });
  const server = await serveFrame({
    ...{ known, observe: observeRequests(observers) },
    routes: [
      {
        ...{ name: 'page', path: '/page' },
        handle: (ctx) => {
          ctx.state.scope = scope;
          known.add(ctx, answer);
          ctx.body = 'made';
        },
      },
    ],
  });
  const ask = async (headers: Record<string, string> = {}) => {
    const response = await fetch(`${server.url}/page?a=1`, { headers });
    return `${response.status} ${await response.text()}`;
  };
  return { ...server, ask, known, records };
}

const answerShortly: Answering = async ({ res, state }) => {
  state.instances = { ok: 2, failed: 1 };
  res.end('short');
};

describe('KnownRequests', () => {
  it('takes requests that are equal to an earlier one, whatever names their program and trace', async () => {
    await using server = await startKnown(answerShortly);
    const { ask } = server;

    assert.equal(await ask({ 'User-Agent': 'a' }), '200 made');
    assert.equal(await ask({ 'User-Agent': 'b', 'X-B3-TraceId': '3' }), '200 short');
    assert.equal(await ask({ 'X-Tenant': 'a' }), '200 made');
    assert.equal(await ask({ Authorization: 'Basic a' }), '200 made');
  });

  it('takes none from readers who may not see everything', async () => {
    await using server = await startKnown(answerShortly, { appId: 'a', spaceId: 's' });
    const { ask } = server;

    assert.equal(await ask(), '200 made');
    assert.equal(await ask(), '200 made');
  });

  it('observes each request once, as the long way does', async () => {
    await using server = await startKnown(answerShortly);
    const { ask, records } = server;
    await ask();
    await ask();

    await eventually('both have ended', () => records.length === 2 || undefined);
    const { atMs, durationMs, bytes, ...rest } = records[1]!;
    assert.deepEqual(rest, {
      ...{ method: 'GET', path: '/page', query: 'a=1', handler: 'page', status: 200 },
      ...{ left: false, cutOff: false, instances: { ok: 2, failed: 1 } },
    });
    assert.ok(atMs <= Date.now() && durationMs >= 0 && bytes > 0);
  });

  it('leaves what its handler throws to the long way, and observes such a request once', async () => {
    await using server = await startKnown(async () => {
      throw new Problem('instance-failed', 'as it happens');
    });
    const { ask, records, mistakes } = server;
    await ask();

    const text = await ask();

    assert.match(text, /^502 .*"instance-failed"/s);
    await eventually('both have ended', () => records.length === 2 || undefined);
    assert.deepEqual([records[1]!.status, records[1]!.handler], [502, 'page']);
    assert.deepEqual(mistakes, []);
  });

  it('reports a mistake of ours, and answers it', async () => {
    const mistake = new TypeError('undefined is not a page');
    await using server = await startKnown(() => Promise.reject(mistake));
    await server.ask();

    assert.match(await server.ask(), /^500 /);
    assert.deepEqual(server.mistakes, [mistake]);
  });

  it('ends the connection when an answer breaks after its head', async () => {
    await using server = await startKnown(async ({ res }) => {
      res.writeHead(200, { 'Content-Length': 10 });
      res.write('short');
      throw new Error('broken');
    });
    await server.ask();

    await assert.rejects(server.ask());
  });

  it('has room for a bounded number of requests, and none for long headers', () => {
    const known = new KnownRequests({
      observers: { onEnd: () => undefined },
      cut: new AbortController().signal,
    });
    const add = (url: string): void => {
      const req = Object.assign(new IncomingMessage(new Socket()), { method: 'GET', url });
      const res = new ServerResponse(req);
      const departures = new Turns();
      const { signal: cut } = new AbortController();
      known.add({ req, res, state: newState(req, res, { cut, departures }) }, answerShortly);
    };

    add(`/${'a'.repeat(5_000)}`);
    assert.equal(known.size, 0);

    for (let count = 0; count < 20_000; count++) add(`/${count}`);
    assert.ok(known.size > 10_000 && known.size < 13_000, `${known.size}`);
  });
});

describe('equal requests for app pages', () => {
  it('reach the instances that run now, with the headers of each', async () => {
    let count = 0;
    await using before = await startApp({ name: 'shop' }, [pageOf(() => `a ${++count}\n`)]);
    await using after = await startApp({ name: 'shop' }, [pageOf(() => 'b 7\n')]);
    await using promgate = await startPromgate({ apps: [before] });
    const ask = (agent: string): Promise<string> =>
      promgate.text(before.path, { headers: { 'User-Agent': agent } });

    for (const agent of ['first', 'second', 'third']) {
      assert.match(await ask(agent), new RegExp(`^a\\{.*\\} ${count}$`, 'm'));
    }
    const agents = before.instances[0]!.requests.map(({ headers }) => headers['user-agent']);
    assert.deepEqual(agents, ['first', 'second', 'third']);

    promgate.gorouter.routes = routesJson([after]);
    await eventually(
      'the new instance is asked',
      async () => /^b\{.*\} 7$/m.test(await ask('fourth')) || undefined,
    );
    promgate.gorouter.routes = routesJson([]);
    await eventually('the app is gone', async () => {
      const { status: code } = await promgate.get(before.path, { headers: { 'User-Agent': 'x' } });
      return code === 404 || undefined;
    });
  });

  it('get the same errors as the first, and the same log lines', async () => {
    let isUp = true;
    const answer = pageOf(() => 'a 1\n');
    await using app = await startApp({ name: 'shop' }, [
      (exchange) => (isUp ? answer(exchange) : status(500)(exchange)),
    ]);
    await using promgate = await startPromgate({ apps: [app] });
    const path = `/v1/apps/${app.guid}/instances/0/metrics`;
    const ask = async () => {
      const response = await promgate.get(path);
      const { headers } = response;
      const type = headers.get('content-type');
      return [response.status, type, headers.get('vary'), await response.text()];
    };
    await ask();
    isUp = false;

    const short = await ask();
    const long = await promgate.get(path, { headers: { 'X-Tenant': 'a' } });

    const { status: code, headers } = long;
    const expected = [code, headers.get('content-type'), headers.get('vary'), await long.text()];
    assert.deepEqual(short, expected);
    assert.equal(code, 502);
    const lines = () => promgate.log.filter(({ fields }) => fields['path'] === path);
    await eventually('all have ended', () => lines().length === 3 || undefined);
    const [, second, third] = lines().map(({ fields: { ms, bytes, ...fields } }) => fields);
    assert.deepEqual(second, third);
    assert.deepEqual([second?.['instances_ok'], second?.['instances_failed']], [0, 1]);
  });
});
