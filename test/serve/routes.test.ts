import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get } from 'node:http';
import { gunzipSync } from 'node:zlib';
import type { Endpoint } from '../../src/discover/instance.ts';
import { routes } from '../../src/serve/routes.ts';
import { serveFrame } from './frame-server.ts';
import { endpoint } from './instances.ts';

function serve(table: ReadonlyMap<string, readonly Endpoint[]>) {
  const handle = routes({
    *routes() {
      yield* table;
    },
  });
  return serveFrame({ routes: [{ name: 'routes', path: '/routes', handle }] });
}

describe('GET /routes', () => {
  it("prints the table as gorouter's JSON", async () => {
    const full: Endpoint = {
      ...endpoint('10.0.0.1:61002', { app_id: 'a-1', 'odd"tag': '\u2028' }),
      tls: true,
      serverCertDomainSan: 'san-1',
      privateInstanceId: 'p-1',
      isolationSegment: 'seg',
      routeServiceUrl: 'https://rs',
    };
    await using site = await serve(
      new Map([
        ['shop.example.com', [full]],
        ['shop.example.com/a"b', [endpoint('10.0.0.2:80')]],
      ]),
    );

    const answer = await fetch(`${site.url}/routes`);

    assert.equal(answer.headers.get('content-type'), 'application/json');
    assert.deepEqual(await answer.json(), {
      'shop.example.com': [
        {
          address: '10.0.0.1:61002',
          availability_zone: 'z1',
          protocol: 'http1',
          tls: true,
          ttl: 120,
          route_service_url: 'https://rs',
          tags: { app_id: 'a-1', 'odd"tag': '\u2028' },
          isolation_segment: 'seg',
          private_instance_id: 'p-1',
          server_cert_domain_san: 'san-1',
        },
      ],
      'shop.example.com/a"b': [
        {
          address: '10.0.0.2:80',
          availability_zone: 'z1',
          protocol: 'http1',
          tls: false,
          ttl: 120,
          tags: {},
        },
      ],
    });
  });

  it('prints an empty table as {}', async () => {
    await using site = await serve(new Map());
    assert.deepEqual(await (await fetch(`${site.url}/routes`)).json(), {});
  });

  it('is gzipped for whoever likes that', async () => {
    const table = new Map([['shop.example.com', [endpoint('10.0.0.1:80')]]]);
    await using site = await serve(table);
    const ask = async (encoding: string) => {
      const request = get(`${site.url}/routes`, { headers: { 'Accept-Encoding': encoding } });
      const [answer] = await once(request, 'response');
      const chunks: Buffer[] = [];
      for await (const chunk of answer) chunks.push(chunk);
      const { 'content-encoding': used, vary } = answer.headers;
      return { used, vary, body: Buffer.concat(chunks) };
    };

    const plain = await ask('gzip;q=0, identity');
    const zipped = await ask('br, gzip');

    assert.equal(plain.used, undefined);
    assert.equal(zipped.used, 'gzip');
    assert.equal(zipped.vary, 'Accept-Encoding');
    assert.equal(gunzipSync(zipped.body).toString(), plain.body.toString());
  });

  it('makes no more of a large table than a slow reader takes', async () => {
    let made = 0;
    const tags = { filler: 'x'.repeat(1000) };
    const table = {
      *routes(): Generator<readonly [string, readonly Endpoint[]]> {
        for (; made < 50_000; made += 1) yield [`r${made}.example.com`, [endpoint('h:1', tags)]];
      },
    };
    await using site = await serveFrame({
      routes: [{ name: 'routes', path: '/routes', handle: routes(table) }],
    });
    const [answer] = await once(get(`${site.url}/routes`), 'response');
    answer.pause();

    // The sockets' buffers fill, then nothing more is made: it stays the same over many turns.
    let before = -1;
    for (let still = 0; still < 50; still = made === before ? still + 1 : 0) {
      before = made;
      await new Promise(setImmediate);
    }

    assert.ok(made < 40_000, `${made} of 50,000 made`);
    answer.destroy();
    assert.deepEqual(site.mistakes, []);
  });
});
