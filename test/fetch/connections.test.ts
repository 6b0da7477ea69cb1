import assert from 'node:assert/strict';
import type http from 'node:http';
import type { ServerResponse } from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import {
  ask,
  brief,
  listen,
  openScraper,
  scrape,
  serve,
  serveRaw,
  target,
  until,
} from './instance-server.ts';

const hello: http.RequestListener = (_request, response) => void response.end('up 1\n');

describe('connections', () => {
  it('are kept from scrape to scrape: 1,000 scrapes of 3 instances take 3', async () => {
    await using scraper = openScraper();
    await using a = await serve(hello);
    await using b = await serve(hello);
    await using c = await serve(hello);
    const targets = [a, b, c].map(({ address }) => target(address));

    for (let i = 0; i < 1000; i++) {
      const answers = await scrape(scraper, targets);
      assert.ok(answers.every(({ page }) => page));
    }

    assert.deepEqual([a.connected, b.connected, c.connected], [1, 1, 1]);
    assert.equal(scraper.load.idleConnections, 3);
    assert.equal(scraper.load.busyConnections, 0);
  });

  it('do not grow over 1,000 scrapes where instances close, fail or hang up', async () => {
    await using scraper = openScraper();
    let turn = 0;
    await using server = await serve((request, response) => {
      turn++;
      if (turn % 5 === 0) request.socket.destroy();
      else if (turn % 5 === 1) response.setHeader('Connection', 'close').end('up 1\n');
      else if (turn % 5 === 2) response.writeHead(500).end('x'.repeat(100_000));
      else response.end('up 1\n');
    });

    for (let i = 0; i < 250; i++) {
      await scrape(scraper, Array(4).fill(target(server.address)));
      assert.ok(server.open.size <= 8, `${server.open.size} connections`);
    }

    await until(() => server.open.size === scraper.load.idleConnections, 'others are closed');
    assert.ok(scraper.load.idleConnections <= 4);
  });

  it('carry one request at a time, so that one that hangs delays no other', async () => {
    await using scraper = openScraper();
    const hanging: ServerResponse[] = [];
    await using server = await serve((request, response) => {
      if (request.url === '/hang') hanging.push(response);
      else response.end('up 1\n');
    });
    const slow = scrape(scraper, [target(server.address, { path: '/hang' })]);
    await until(() => hanging.length === 1, 'one hangs');

    assert.equal(await ask(scraper, server.address), 'up 1\n');

    hanging[0]?.end('late 1\n');
    assert.deepEqual((await slow).map(brief), ['late 1\n']);
  });

  it('are shared by all routes of an address', async () => {
    await using scraper = openScraper();
    await using server = await serve(
      (request, response) => void response.end(request.headers.host),
    );

    for (const host of ['a.example.com', 'b.example.com', 'a.example.com']) {
      assert.equal(await ask(scraper, server.address, { host }), host);
    }

    assert.equal(server.connected, 1);
  });

  it('close when the address leaves the table', async () => {
    await using scraper = openScraper();
    await using gone = await serve(hello);
    await using stays = await serve(hello);
    await scrape(scraper, [target(gone.address), target(stays.address)]);

    scraper.forget(gone.address);

    await until(() => gone.open.size === 0, 'its connection is closed');
    assert.equal(stays.open.size, 1);
    assert.equal(scraper.load.idleConnections, 1);
  });

  it('close after their request when the address leaves the table meanwhile', async () => {
    await using scraper = openScraper();
    const waiting: ServerResponse[] = [];
    await using server = await serve((_request, response) => void waiting.push(response));
    const scraping = scrape(scraper, [target(server.address)]);
    await until(() => waiting.length === 1, 'it is asked');

    scraper.forget(server.address);
    waiting[0]?.end('up 1\n');

    assert.deepEqual((await scraping).map(brief), ['up 1\n']);
    await until(() => server.open.size === 0, 'its connection is closed');
    assert.equal(scraper.load.idleConnections, 0);
  });

  it('close when they have idled for long', async () => {
    await using scraper = openScraper({ idleTimeoutMs: 20 });
    await using server = await serve(hello);
    await ask(scraper, server.address);

    await until(() => server.open.size === 0, 'its connection is closed');
    await until(() => scraper.load.idleConnections === 0, 'it is forgotten');
  });

  it('close before the instance does, where it says how long it waits', async () => {
    await using scraper = openScraper();
    await using server = await serve((_request, response) => {
      response.setHeader('Keep-Alive', 'timeout=1').setHeader('Connection', 'keep-alive');
      response.end('up 1\n');
    });

    await ask(scraper, server.address);

    await until(() => server.open.size === 0, 'its connection is closed');
  });

  it('close when they idle for longest, and more than a bound idle', async () => {
    await using scraper = openScraper({ maxIdle: 2 });
    await using a = await serve(hello);
    await using b = await serve(hello);
    await using c = await serve(hello);

    for (const { address } of [a, b, a, c]) await ask(scraper, address);

    await until(() => b.open.size === 0, 'the connection idle for longest is closed');
    for (const { address } of [c, a]) await ask(scraper, address);
    assert.deepEqual([a.connected, b.connected, c.connected], [1, 1, 1]);
    assert.equal(scraper.load.idleConnections, 2);
  });

  it('close after their request when none may idle', async () => {
    await using scraper = openScraper({ maxIdle: 0 });
    await using server = await serve(hello);

    assert.equal(await ask(scraper, server.address), await ask(scraper, server.address));

    await until(() => server.open.size === 0, 'both are closed');
    assert.equal(server.connected, 2);
    assert.equal(scraper.load.idleConnections, 0);
  });

  it('that died while they idled are replaced, and nobody notices', async () => {
    await using scraper = openScraper();
    const response = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nup 1\n';
    await using server = await listen(
      net.createServer((socket) => {
        socket.once('data', () => {
          socket.write(response);
          socket.once('data', () => socket.resetAndDestroy()); // the next request comes too late
        });
      }),
    );

    for (let i = 0; i < 5; i++) assert.equal(await ask(scraper, server.address), 'up 1\n');

    assert.equal(server.connected, 5);
  });

  it('that die again and again are an answer: one that is new is not tried twice', async () => {
    await using scraper = openScraper();
    await using server = await serveRaw('', (socket) => void socket.destroy());

    assert.equal(await ask(scraper, server.address), 'truncated');

    assert.equal(server.connected, 1);
  });

  it('do not ask again where an answer had begun', async () => {
    await using scraper = openScraper();
    let asked = 0;
    await using server = await serve((request, response) => {
      if (++asked === 1) response.end('up 1\n');
      else response.write('up', () => request.socket.destroy());
    });
    await ask(scraper, server.address);

    assert.equal(await ask(scraper, server.address), 'truncated (200)');

    assert.equal(asked, 2);
  });

  it('are given up while they are being opened', async () => {
    await using scraper = openScraper();
    const reader = new AbortController();
    await using server = await listen(net.createServer((socket) => void socket.resume()));
    const scraping = scrape(scraper, [target(server.address, { tls: true })], {
      signal: reader.signal,
    });
    await until(() => server.open.size === 1, 'the handshake has begun');

    reader.abort();

    assert.deepEqual((await scraping).map(brief), ['aborted']);
    await until(() => server.open.size === 0, 'the connection is cut');
  });
});

describe('HTTP/2 without TLS', () => {
  const serveHttp2 = (
    handler: (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => void,
  ) => listen(http2.createServer(handler));

  it('is spoken by prior knowledge, over one connection', async () => {
    await using scraper = openScraper();
    await using server = await serveHttp2((request, response) => {
      const { ':authority': authority, ':path': path, ':scheme': scheme } = request.headers;
      response.end(`${request.httpVersion} ${scheme} ${authority} ${path}`);
    });

    for (let i = 0; i < 20; i++) {
      const text = await ask(scraper, server.address, { http2: true, path: '/my?a=b' });
      assert.equal(text, '2.0 http app.example.com /my?a=b');
    }

    assert.equal(server.connected, 1);
  });

  it('brings large pages, errors, redirects and cut streams to the same words', async () => {
    await using scraper = openScraper({ maxBodyBytes: 1_000_000 });
    await using server = await serveHttp2((request, response) => {
      if (request.url === '/large') response.end('x'.repeat(1_000_000));
      else if (request.url === '/huge') response.end('x'.repeat(1_000_001));
      else if (request.url === '/404') response.writeHead(404).end('no');
      else if (request.url === '/moved') response.writeHead(302, { location: '/large' }).end();
      else if (request.url === '/cut') response.write('x', () => response.stream.close(2));
      else if (request.url === '/short') {
        response.writeHead(200, { 'content-length': 10 });
        response.end('x');
      } else response.stream.session?.destroy();
    });
    const paths = ['/large', '/huge', '/404', '/moved', '/cut', '/short', '/closed'];

    const answers: string[] = [];
    for (const path of paths)
      answers.push(await ask(scraper, server.address, { http2: true, path }));

    assert.deepEqual(
      answers.map((text) => (text.length > 99 ? text.length : text)),
      [
        1_000_000,
        'too-large (200)',
        'status-4xx (404)',
        1_000_000,
        'truncated (200)',
        'truncated (200)',
        'truncated',
      ],
    );
  });

  it('ends at the deadline, and does not use that connection again', async () => {
    await using scraper = openScraper();
    let asked = 0;
    await using server = await serveHttp2(() => void asked++);
    const scraping = scrape(scraper, [target(server.address, { http2: true })]);
    await until(() => asked === 1, 'it hangs');

    scraper.endBy(performance.now());

    assert.deepEqual((await scraping).map(brief), ['timeout']);
    await until(() => server.open.size === 0, 'the connection is closed');
  });

  it('fails where an instance speaks HTTP/1', async () => {
    await using scraper = openScraper();
    await using server = await serve(hello);

    assert.equal(await ask(scraper, server.address, { http2: true }), 'not-http');
  });
});
