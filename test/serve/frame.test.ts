import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, request as httpRequest } from 'node:http';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { Problem } from '../../src/serve/errors.ts';
import { type Mount, UnroutedError } from '../../src/serve/mount.ts';
import type { Handler } from '../../src/serve/request.ts';
import { type Route, requestText, routerOf, sendRaw, serveFrame } from './frame-server.ts';

const hello: Handler = (ctx) => {
  ctx.body = `${ctx.state.target.path} ${ctx.state.target.query}`;
};
const ROUTES: readonly Route[] = [
  { name: 'hello', path: '/hello', handle: hello },
  { name: 'apps', path: /^\/v[12]\/apps\/./, handle: hello },
];

describe('createFrame', () => {
  it('hands the path over as it was sent', async () => {
    await using site = await serveFrame({ routes: ROUTES });

    const answer = await sendRaw(site.port, requestText('/v1/apps/a%2Fb%2F%zz/metrics?app=%zz'));

    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.ok(answer.endsWith('/v1/apps/a%2Fb%2F%zz/metrics app=%zz'), answer);
  });

  it('answers what is not there with a problem', async () => {
    await using site = await serveFrame({ routes: ROUTES });
    for (const path of ['/', '/hello/', '/Hello', '/hello%2f', '/../hello']) {
      const answer = await sendRaw(site.port, requestText(path));
      assert.match(answer, /^HTTP\/1\.1 404 /, path);
      assert.match(answer, /\r\ncontent-type: application\/problem\+json\r\n/i);
      assert.match(answer, /"code":"not-found"/);
    }
  });

  it('gives a mount the paths below its prefix, with its own admission and errors', async () => {
    const mounted: Mount = {
      prefix: '/own/v2',
      admit: (ctx, next) => {
        if (ctx.get('X-Key') === '') throw new Error('who are you');
        return next();
      },
      errors: (ctx, error) => {
        ctx.status = 418;
        ctx.body = error instanceof UnroutedError ? error.allow.join() : String(error);
      },
      router: routerOf([{ name: 'x', path: '/own/v2/x', handle: hello }]),
    };
    await using frame = await serveFrame({ routes: ROUTES, mounts: [mounted] });
    const ask = async (
      path: string,
      headers: Record<string, string> = { 'X-Key': '1' },
      method = 'GET',
    ) => {
      const answer = await fetch(frame.url + path, { headers, method });
      return [answer.status, method === 'HEAD' ? '' : await answer.text()];
    };

    assert.deepEqual(await ask('/own/v2/x?q'), [200, '/own/v2/x q']);
    assert.deepEqual(await ask('/own/v2/x', {}), [418, 'Error: who are you']);
    assert.deepEqual(await ask('/own/v2/x', undefined, 'PUT'), [418, 'GET,HEAD']);
    assert.deepEqual(await ask('/own/v2'), [418, '']);
    assert.equal((await ask('/own/v22/x'))[0], 404);
    assert.equal((await ask('/hello'))[0], 200);
    assert.deepEqual(frame.mistakes, []);
  });

  it('answers other methods than GET and HEAD with 405 and Allow', async () => {
    await using site = await serveFrame({ routes: ROUTES });
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND']) {
      const answer = await fetch(`${site.url}/hello`, { method });
      assert.equal(answer.status, 405, method);
      assert.equal(answer.headers.get('allow'), 'GET, HEAD');
      const { code } = (await answer.json()) as { code: string };
      assert.equal(code, 'method-not-allowed');
    }
  });

  it('answers HEAD as GET, without the body', async () => {
    await using site = await serveFrame({ routes: ROUTES });

    const answer = await fetch(`${site.url}/hello`, { method: 'HEAD' });

    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-length'), String('/hello '.length));
    assert.equal(await answer.text(), '');
  });

  it('never answers any target or Host with 500', async () => {
    await using site = await serveFrame({ routes: ROUTES });
    const odd = [
      '//',
      '/%zz',
      '/%',
      '/?%zz',
      '*',
      'http://[',
      'http://h:99999999/hello',
      '/\\',
      '/;',
    ];
    const targets = fc.oneof(fc.constantFrom(...odd), fc.webPath(), fc.webUrl());
    const hosts = fc.constantFrom('h', '[', ':', 'a@b', '%zz', 'h:99999');
    await fc.assert(
      fc.asyncProperty(targets, hosts, async (target, host) => {
        const text = `GET ${target || '/'} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
        const answer = await sendRaw(site.port, text);
        assert.match(answer, /^HTTP\/1\.1 (?:200|400|404) /);
      }),
      { numRuns: 100 },
    );
    assert.deepEqual(site.mistakes, []);
  });

  it('answers a mistake of ours with 500 and nothing of its text', async () => {
    const handle: Handler = () => {
      throw new Error('secret detail');
    };
    await using site = await serveFrame({ routes: [{ name: 'bad', path: '/bad', handle }] });

    const answer = await fetch(`${site.url}/bad`);

    assert.equal(answer.status, 500);
    assert.doesNotMatch(await answer.text(), /secret/);
    assert.equal(site.mistakes.length, 1);
  });

  it('drops what a handler had prepared before it failed', async () => {
    const handle: Handler = (ctx) => {
      ctx.set({ 'Content-Encoding': 'gzip', ETag: 'x', 'X-Kept': '1' });
      ctx.body = 'half';
      throw new Problem('starting', 'not yet', { headers: { 'Retry-After': '5' } });
    };
    await using site = await serveFrame({ routes: [{ name: 'bad', path: '/bad', handle }] });

    const { status, headers } = await fetch(`${site.url}/bad`);

    assert.equal(status, 503);
    assert.equal(headers.get('content-encoding'), null);
    assert.equal(headers.get('etag'), null);
    assert.equal(headers.get('retry-after'), '5');
    assert.equal(headers.get('content-type'), 'application/problem+json');
  });

  it('breaks an answer off when it fails after its first bytes', async () => {
    const handle: Handler = (ctx) => {
      ctx.body = Readable.from(
        (function* () {
          yield Buffer.from('first');
          throw new Error('then this');
        })(),
      );
    };
    await using site = await serveFrame({ routes: [{ name: 'bad', path: '/bad', handle }] });

    await assert.rejects(async () => (await fetch(`${site.url}/bad`)).text());

    assert.equal(site.mistakes.length, 1);
  });

  it('aborts the signal of a request whose reader leaves, and reports no mistake', async () => {
    const asked = Promise.withResolvers<AbortSignal>();
    const handle: Handler = async (ctx) => {
      asked.resolve(ctx.state.signal);
      await once(ctx.state.signal, 'abort');
      throw new Error('given up');
    };
    await using site = await serveFrame({ routes: [{ name: 'slow', path: '/slow', handle }] });
    const request = get(`${site.url}/slow`).on('error', () => undefined);
    const signal = await asked.promise;

    request.destroy();
    if (!signal.aborted) await once(signal, 'abort');

    assert.deepEqual(site.mistakes, []);
  });

  it('does not abort the signal of a request that was answered', async () => {
    const signals: AbortSignal[] = [];
    const handle: Handler = (ctx) => {
      signals.push(ctx.state.signal);
      ctx.body = 'done';
    };
    await using site = await serveFrame({ routes: [{ name: 'x', path: '/x', handle }] });

    await (await fetch(`${site.url}/x`)).text();

    assert.equal(signals[0]?.aborted, false);
  });

  it('reads no more than the head of a request with a body', async () => {
    await using site = await serveFrame({ routes: ROUTES });
    const request = httpRequest(`${site.url}/hello`, { method: 'POST' });
    request.on('error', () => undefined); // the server may close before all was sent
    request.write('x'.repeat(1000));

    const [answer] = await once(request, 'response');

    assert.equal(answer.statusCode, 405);
    request.destroy();
  });
});
