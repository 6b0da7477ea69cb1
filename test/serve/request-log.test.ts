import assert from 'node:assert/strict';
import { get } from 'node:http';
import { freshToken } from '../../broker/token.ts';
import type { Handler } from '../../src/serve/request.ts';
import {
  observeRequests,
  type RequestRecord,
  requestFields,
  requestLevel,
} from '../../src/serve/request-log.ts';
import { requestText, sendRaw, serveFrame } from './frame-server.ts';

/** A site of one handler; `next` resolves with the record of the next request that ends. */
async function serveObserved(handle: Handler) {
  const ended: ((record: RequestRecord) => void)[] = [];
  let open = 0;
  const site = await serveFrame({
    routes: [{ name: 'apps', path: /^\/v1\//, handle }],
    observe: observeRequests({
      onBegin: () => {
        open += 1;
      },
      onEnd: (record) => {
        open -= 1;
        ended.shift()?.(record);
      },
    }),
  });
  const next = () => new Promise<RequestRecord>((resolve) => ended.push(resolve));
  return { ...site, next, open: () => open };
}

describe('observeRequests', () => {
  it('tells what was asked and answered, once per request', async () => {
    await using site = await serveObserved((ctx) => {
      ctx.state.instances = { ok: 2, failed: 1 };
      ctx.body = 'x'.repeat(1000);
    });
    const ended = site.next();

    await (await fetch(`${site.url}/v1/apps/a%2Fb?app=x`)).text();
    const { atMs, durationMs, bytes, ...record } = await ended;

    assert.deepEqual(record, {
      method: 'GET',
      path: '/v1/apps/a%2Fb',
      query: 'app=x',
      handler: 'apps',
      status: 200,
      left: false,
      cutOff: false,
      instances: { ok: 2, failed: 1 },
    });
    assert.ok(durationMs > 0 && atMs <= Date.now());
    assert.ok(bytes > 1000 && bytes < 2000, 'body and head');
    assert.equal(site.open(), 0);
  });

  it('counts the bytes of each of several answers on one connection', async () => {
    await using site = await serveObserved((ctx) => {
      ctx.body = ctx.state.target.query;
    });
    const [first, second] = [site.next(), site.next()];
    const one = requestText('/v1/?aaaa').replace('Connection: close\r\n', '');

    await sendRaw(site.port, one + requestText('/v1/?bb'));

    // Node writes pipelined answers together: only their sum is certain.
    assert.ok((await first).bytes + (await second).bytes > 200);
  });

  it('tells of a request that is refused, and of one that cannot be parsed', async () => {
    await using site = await serveObserved(() => undefined);
    const missing = site.next();
    await sendRaw(site.port, requestText('/no/such?x'));
    assert.equal((await missing).handler, 'none');
    assert.equal((await missing).status, 404);

    const odd = site.next();
    await sendRaw(site.port, requestText('*'));
    assert.equal((await odd).status, 400);
    assert.equal((await odd).path, '*');
  });

  it('tells that the reader left', async () => {
    const asked = Promise.withResolvers<void>();
    await using site = await serveObserved((ctx) => {
      asked.resolve();
      return new Promise<void>((resolve) =>
        ctx.state.signal.addEventListener('abort', () => resolve()),
      );
    });
    const ended = site.next();
    const request = get(`${site.url}/v1/x`).on('error', () => undefined);
    await asked.promise;

    request.destroy();

    assert.equal((await ended).left, true);
  });
});

const RECORD: RequestRecord = {
  atMs: 0,
  method: 'GET',
  path: '/v1/apps/x/metrics',
  query: '',
  handler: 'apps',
  status: 200,
  durationMs: 12.345,
  bytes: 99,
  left: false,
  cutOff: false,
};

describe('requestFields', () => {
  it('are method, path, status, milliseconds, bytes and instances', () => {
    assert.deepEqual(requestFields({ ...RECORD, instances: { ok: 3, failed: 0 } }), {
      method: 'GET',
      path: '/v1/apps/x/metrics',
      status: 200,
      ms: 12.3,
      bytes: 99,
      instances_ok: 3,
      instances_failed: 0,
    });
  });

  it('hold no secret of the query, and no endless path', () => {
    const fields = requestFields({
      ...RECORD,
      path: `/${'x'.repeat(9000)}`,
      query: 'app=x&token=hunter2&metric_path=%2Fm%3Fpassword%3Dhunter2',
    });
    assert.doesNotMatch(JSON.stringify(fields), /hunter2/);
    assert.ok(String(fields['path']).length <= 1024);
  });
});

describe('a token where none belongs', () => {
  const token = freshToken();
  const escaped = Buffer.from(token).toString('hex').replace(/../g, '%$&');
  for (const form of [token, escaped, encodeURIComponent(escaped), `${token}x`]) {
    for (const target of [
      `/v1/apps/${form}/metrics`,
      `/v1/apps/a/metrics?metric_path=/${form}`,
      `/v1/apps/a/metrics?${form}`,
      `/no/such/path/${'x'.repeat(980)}${form}`, // cut in the middle
      `http://promgate.example.com/v1/apps/a/metrics?app=${form}`,
    ]) {
      it(`is refused and not written: ${target.replaceAll(token, '<token>').slice(0, 60)}`, async () => {
        let reached = false;
        await using site = await serveObserved(() => {
          reached = true;
        });
        const ended = site.next();

        const answer = await sendRaw(site.port, requestText(target));
        const line = JSON.stringify(requestFields(await ended));

        assert.match(answer, /^HTTP\/1\.1 400 /);
        assert.match(answer, /holds a binding's token/);
        assert.equal(reached, false);
        for (const text of [answer, line]) {
          assert.ok(!text.includes(token.slice(9, 20)), text);
          assert.ok(!text.includes(escaped.slice(30, 60)), text);
        }
      });
    }
  }
});

describe('requestLevel', () => {
  it('keeps health checks and what the broker tells itself for whoever looks for them', () => {
    assert.equal(requestLevel({ ...RECORD, handler: 'healthz' }), 'debug');
    assert.equal(requestLevel({ ...RECORD, handler: 'readyz', status: 503 }), 'debug');
    assert.equal(requestLevel({ ...RECORD, handler: 'broker', status: 401 }), 'debug');
    assert.equal(requestLevel({ ...RECORD, handler: 'broker', status: 201 }), 'info');
    assert.equal(requestLevel({ ...RECORD, handler: 'push', status: 202 }), 'debug');
    assert.equal(requestLevel({ ...RECORD, handler: 'push', status: 400 }), 'info');
    assert.equal(requestLevel(RECORD), 'info');
    assert.equal(requestLevel({ ...RECORD, status: 500 }), 'warn');
  });
});
