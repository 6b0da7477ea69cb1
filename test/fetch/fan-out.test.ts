import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ScrapeAnswer } from '../../src/fetch/answer.ts';
import { TIMEOUT_HEADER, VIA_HEADER } from '../../src/fetch/forward.ts';
import {
  ask,
  brief,
  closedAddress,
  openScraper,
  scrape,
  serve,
  target,
  until,
} from './instance-server.ts';

describe('Scraper', () => {
  it('answers in the order asked, whoever is faster', async () => {
    await using scraper = openScraper();
    const waiting: ServerResponse[] = [];
    await using slow = await serve((_request, response) => void waiting.push(response));
    await using fast = await serve((_request, response) => void response.end('fast 1\n'));
    const told: string[] = [];
    const targets = [slow.address, await closedAddress(), fast.address].map((one) => target(one));
    const scraping = scrape(scraper, targets, {
      onAnswer: (answer) => void told.push(brief(answer)),
    });

    await until(() => told.length === 2 && waiting.length === 1, 'all but the slow one are there');
    waiting[0]?.end('slow 1\n');

    assert.deepEqual((await scraping).map(brief), ['slow 1\n', 'refused', 'fast 1\n']);
    assert.equal(told[2], 'slow 1\n');
  });

  it('asks nobody whose address is given away while the scrape waits for its turn', async () => {
    const gone = new Set<string>();
    await using scraper = openScraper({
      concurrency: 1,
      isThere: ({ endpoint }) => !gone.has(endpoint.address),
    });
    const waiting: ServerResponse[] = [];
    await using slow = await serve((_request, response) => void waiting.push(response));
    let asked = 0;
    await using other = await serve((_request, response) => {
      asked += 1;
      response.end("another tenant's 1\n");
    });
    const scraping = scrape(scraper, [target(slow.address), target(other.address)]);
    await until(() => waiting.length === 1, 'the slow one has the only slot');

    gone.add(other.address);
    waiting[0]?.end('slow 1\n');

    assert.deepEqual((await scraping).map(brief), ['slow 1\n', 'moved']);
    assert.equal(asked, 0);
    assert.equal(scraper.load.slots, 0);
  });

  it('follows no redirect of an address that was given away meanwhile', async () => {
    let isThere = true;
    await using scraper = openScraper({ isThere: () => isThere });
    const asked: (string | undefined)[] = [];
    await using server = await serve(({ url }, response) => {
      asked.push(url);
      isThere = false;
      response.writeHead(302, { Location: '/elsewhere' }).end();
    });

    const [answer] = await scrape(scraper, [target(server.address)]);

    assert.equal(answer && brief(answer), 'moved');
    assert.deepEqual(asked, ['/metrics']);
  });

  it('replaces no connection that died when its address is given away', async () => {
    let isThere = true;
    await using scraper = openScraper({ isThere: () => isThere });
    let asked = 0;
    await using server = await serve((request, response) => {
      asked += 1;
      if (asked === 1) response.end('first 1\n');
      else {
        isThere = false;
        request.socket.destroy();
      }
    });
    await scrape(scraper, [target(server.address)]);

    const [answer] = await scrape(scraper, [target(server.address)]);

    assert.equal(answer && brief(answer), 'moved');
    assert.equal(asked, 2);
  });

  it('gives the page, its type, its size and how long it took', async () => {
    await using scraper = openScraper();
    await using server = await serve((_request, response) => {
      response.setHeader('Content-Type', 'text/plain; version=0.0.4');
      response.end('up 1\n');
    });
    const [answer] = await scrape(scraper, [target(server.address)]);

    assert.ok(answer?.page);
    assert.equal(answer.page.body.toString(), 'up 1\n');
    assert.equal(answer.page.contentType, 'text/plain; version=0.0.4');
    assert.equal(answer.bodyBytes, 5);
    assert.ok(answer.durationSeconds > 0);
    assert.equal(answer.target.address, server.address);
  });

  it('leaves 16 bytes behind each page in an ArrayBuffer of its own', async () => {
    await using scraper = openScraper();
    await using server = await serve(({ url }, response) => {
      const size = Number(url?.slice(1));
      if (size % 2 === 0) response.setHeader('Content-Length', size);
      response.end('x'.repeat(size));
    });
    const sizes = [0, 1, 7, 8, 9, 65_527, 65_528, 65_529, 100_000, 100_001, 131_064, 3_000_001];

    const answers = await scrape(
      scraper,
      sizes.map((size) => target(server.address, { path: `/${size}` })),
    );

    const buffers = new Set<ArrayBufferLike>();
    for (const [i, { page }] of answers.entries()) {
      assert.ok(page);
      assert.equal(page.body.length, sizes[i]);
      assert.equal(page.body.byteOffset, 0);
      assert.ok(page.body.buffer.byteLength >= page.body.length + 16);
      buffers.add(page.body.buffer);
    }
    assert.equal(buffers.size, sizes.length);
  });

  it('has nothing to say of no targets', async () => {
    await using scraper = openScraper();

    assert.deepEqual(await scrape(scraper, []), []);
  });

  it('sends Host, what it is given and the time that is left', async () => {
    await using scraper = openScraper();
    const seen: (readonly string[])[] = [];
    await using server = await serve(({ rawHeaders, url }, response) => {
      seen.push([`GET ${url}`, ...rawHeaders]);
      response.end();
    });
    const headers = {
      instances: ['Accept', 'text/plain', 'X-Custom', 'caf\xe9', VIA_HEADER, 'me'],
      exporters: ['Accept', 'text/plain'],
    };
    const instance = target(server.address, { path: '/my?a=b&c', host: 'a.example.com' });
    const exporter = { ...instance, instance: undefined, exporter: 'billing', path: '/metrics' };

    await scrape(scraper, [instance], { headers, deadlineMs: performance.now() + 9999 });
    await scrape(scraper, [exporter], { headers, deadlineMs: performance.now() + 9999 });

    const [first, second] = seen.map((lines) =>
      lines.map((line) => line.replace(/^(9(\.\d)?)$/, 'about 9')),
    );
    assert.deepEqual(first, [
      'GET /my?a=b&c',
      'host',
      'a.example.com',
      'connection',
      'keep-alive',
      'Accept',
      'text/plain',
      'X-Custom',
      'caf\xe9',
      VIA_HEADER,
      'me',
      'X-Prometheus-Scrape-Timeout-Seconds',
      'about 9',
    ]);
    assert.deepEqual(second?.slice(5, -2), ['Accept', 'text/plain']);
  });

  it('fails what has not answered at the deadline, and keeps what has', async () => {
    await using scraper = openScraper();
    await using hanging = await serve(() => undefined);
    await using good = await serve((_request, response) => void response.end('up 1\n'));
    const told: ScrapeAnswer[] = [];
    const scraping = scrape(scraper, [target(hanging.address), target(good.address)], {
      onAnswer: (answer) => void told.push(answer),
    });
    await until(() => told.length === 1 && hanging.open.size === 1, 'one hangs, one answers');

    scraper.endBy(performance.now());
    const answers = await scraping;

    assert.deepEqual(answers.map(brief), ['timeout', 'up 1\n']);
    assert.equal(scraper.load.slots, 0);
    await until(() => hanging.open.size === 0, 'the hanging connection is cut');
  });

  it('ends at its own deadline', async () => {
    await using scraper = openScraper();
    await using hanging = await serve(() => undefined);
    const deadlineMs = performance.now() + 20;

    const answers = await scrape(scraper, [target(hanging.address)], { deadlineMs });

    assert.deepEqual(answers.map(brief), ['timeout']);
    assert.ok(performance.now() >= deadlineMs);
  });

  it('sends no credential to an endpoint without TLS where plain_credentials is false', async () => {
    const seen: IncomingMessage['headers'][] = [];
    await using server = await serve(({ headers }, response) => {
      seen.push(headers);
      response.end();
    });
    await using scraper = openScraper({ plainCredentials: false });
    const instances = ['authorization', 'Basic reader', 'X-Forward-Authorization', 'Bearer app'];
    instances.push('X-Shared', '1');
    const own = ['Authorization', 'Bearer page', 'X-Key', 'secret'];

    await scrape(scraper, [target(server.address), target(server.address, { headers: own })], {
      headers: { instances, exporters: [] },
    });

    assert.deepEqual(
      seen.map((headers) => [
        ...[headers.authorization, headers['x-forward-authorization']],
        ...[headers['x-key'], headers['x-shared']],
      ]),
      [
        [undefined, undefined, undefined, '1'],
        [undefined, undefined, undefined, '1'],
      ],
    );
  });

  it("sends a page's own headers to that page alone, and the time that it has", async () => {
    await using scraper = openScraper();
    const seen = new Map<string | undefined, IncomingMessage['headers']>();
    await using server = await serve(({ url, headers }, response) => {
      seen.set(url, headers);
      response.end();
    });
    const shared = ['Authorization', 'Basic reader', 'X-Shared', '1'];
    const headers = { instances: shared, exporters: ['X-Shared', '1'] };
    const own = { headers: ['authorization', 'Bearer page'], timeoutMs: 5000 };
    const exporter = { ...own, instance: undefined, exporter: 'billing', path: '/exporter' };
    const targets = [
      { path: '/plain' },
      { ...own, path: '/own' },
      { path: '/plain-too' },
      exporter,
    ];

    await scrape(
      scraper,
      targets.map((one) => target(server.address, one)),
      { headers, deadlineMs: performance.now() + 20_000 },
    );

    const sent = (path: string, name: string) => seen.get(path)?.[name];
    assert.deepEqual(
      targets.map(({ path }) => sent(path, 'authorization')),
      ['Basic reader', 'Bearer page', 'Basic reader', undefined],
    );
    assert.deepEqual(
      targets.map(({ path }) => sent(path, 'x-shared')),
      ['1', '1', '1', '1'],
    );
    const left = (path: string) => Number(sent(path, TIMEOUT_HEADER.toLowerCase()));
    assert.ok(left('/own') <= 5, String(left('/own')));
    assert.ok(left('/plain') > 5, String(left('/plain')));
  });

  it('fails a page that has not answered within its own timeout, and no other one', async () => {
    await using scraper = openScraper();
    const waiting: ServerResponse[] = [];
    await using server = await serve(({ url }, response) => {
      if (url === '/late') waiting.push(response);
    });
    const told: string[] = [];
    const pages = [{ path: '/hangs', timeoutMs: 30, oneOfSeveral: true }, { path: '/late' }];

    const scraping = scrape(
      scraper,
      pages.map((page) => target(server.address, page)),
      { onAnswer: (answer) => void told.push(brief(answer)) },
    );
    await until(() => told.length === 1 && waiting.length === 1, 'one has had its time');
    waiting[0]?.end('late 1\n');

    assert.deepEqual((await scraping).map(brief), ['timeout', 'late 1\n']);
    assert.equal(scraper.load.slots, 0);
  });

  it('counts the time of redirects too, and ends no page before its time', async () => {
    await using scraper = openScraper();
    await using server = await serve(({ url }, response) => {
      if (url === '/moved') return;
      response.writeHead(302, { Location: '/moved' });
      response.end();
    });
    const startMs = performance.now();

    const answer = await ask(scraper, server.address, { timeoutMs: 40 });

    assert.equal(answer, 'timeout');
    assert.ok(performance.now() - startMs >= 39); // timers round down
  });

  it('ends at the deadline of all when that is earlier than a page its own', async () => {
    await using scraper = openScraper();
    await using hanging = await serve(() => undefined);
    const targets = [target(hanging.address, { timeoutMs: 2 ** 40 })];

    const answers = await scrape(scraper, targets, { deadlineMs: performance.now() + 20 });

    assert.deepEqual(answers.map(brief), ['timeout']);
  });

  it('asks a page that answers although the others of its address hang', async () => {
    await using scraper = openScraper();
    await using server = await serve(({ url }, response) => {
      if (url === '/good') response.end('good 1\n');
    });
    const page = (path: string, timeoutMs?: number) =>
      target(server.address, { path, timeoutMs, oneOfSeveral: true });
    for (let round = 0; round < 2; round++) {
      await scrape(scraper, [page('/a', 10), page('/b', 10)]);
    }
    const reader = new AbortController();
    const told: string[] = [];

    const scraping = scrape(scraper, [page('/a'), page('/b'), page('/good')], {
      signal: reader.signal,
      onAnswer: (answer) => void told.push(brief(answer)),
    });
    await until(() => told.length > 0, 'one answers');
    reader.abort();

    await scraping;
    assert.deepEqual(told, ['good 1\n', 'aborted', 'aborted']);
  });

  it('takes a deadline beyond all timers', async () => {
    await using scraper = openScraper();
    await using server = await serve((_request, response) => void response.end('up 1\n'));

    for (const deadlineMs of [1e12, Number.POSITIVE_INFINITY]) {
      const answers = await scrape(scraper, [target(server.address)], { deadlineMs });
      assert.deepEqual(answers.map(brief), ['up 1\n']);
    }
  });

  it('asks nobody after the deadline', async () => {
    await using scraper = openScraper();
    await using server = await serve((_request, response) => void response.end());

    const answers = await scrape(scraper, [target(server.address)], {
      deadlineMs: performance.now() - 1,
    });

    assert.deepEqual(answers.map(brief), ['timeout']);
    assert.equal(answers[0]?.durationSeconds, 0);
    assert.equal(server.connected, 0);
  });

  it('stops all fetches at once when the reader leaves, and frees what they held', async () => {
    await using scraper = openScraper({ perApp: 2 });
    await using hanging = await serve((_request, response) => {
      response.write('up 1\n');
    });
    const reader = new AbortController();
    const targets = [1, 2, 3, 4].map(() => target(hanging.address));
    const scraping = scrape(scraper, targets, { signal: reader.signal });
    await until(() => hanging.open.size === 2 && scraper.load.bytes > 0, 'two are under way');

    reader.abort();

    assert.deepEqual(
      { slots: scraper.load.slots, bytes: scraper.load.bytes },
      { slots: 0, bytes: 0 },
    );
    const answers = await scraping;
    assert.deepEqual(
      answers.map(({ failure }) => failure),
      Array(4).fill('aborted'),
    );
    await until(() => hanging.open.size === 0, 'connections are cut');
  });

  it('ends with what has arrived when answers are to hurry', async () => {
    await using scraper = openScraper();
    await using hanging = await serve(() => undefined);
    await using good = await serve((_request, response) => void response.end('up 1\n'));
    const hurry = new AbortController();
    const came = Promise.withResolvers<undefined>();
    const scraping = scrape(scraper, [target(hanging.address), target(good.address)], {
      hurry: hurry.signal,
      onAnswer: () => {
        came.resolve(undefined);
        return undefined;
      },
    });
    await came.promise;

    hurry.abort();

    assert.deepEqual((await scraping).map(brief), ['timeout', 'up 1\n']);
    assert.deepEqual(
      (await scrape(scraper, [target(good.address)], { hurry: hurry.signal })).map(brief),
      ['timeout'],
    );
  });

  it('asks nobody for a reader that has already left', async () => {
    await using scraper = openScraper();
    await using server = await serve((_request, response) => void response.end());

    const answers = await scrape(scraper, [target(server.address)], {
      signal: AbortSignal.abort(),
    });

    assert.deepEqual(answers.map(brief), ['aborted']);
    assert.equal(server.connected, 0);
  });

  it('leaves no listener on the signal of a reader', async () => {
    await using scraper = openScraper();
    await using server = await serve((_request, response) => void response.end('up 1\n'));
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };

    await scrape(scraper, [target(server.address)], { signal });

    assert.equal(listeners, 0);
  });

  it('ends with all it does when it is disposed of', async () => {
    await using hanging = await serve(() => undefined);
    const scraper = openScraper();
    const scraping = scrape(scraper, [target(hanging.address), target(hanging.address)]);
    await until(() => hanging.open.size === 2, 'both are under way');

    await scraper[Symbol.asyncDispose]();

    assert.deepEqual((await scraping).map(brief), ['aborted', 'aborted']);
    await until(() => hanging.open.size === 0, 'connections are closed');
    assert.deepEqual(await ask(scraper, hanging.address), 'aborted');
  });

  it('keeps bytes until the lease ends, of pages only', async () => {
    await using scraper = openScraper();
    await using server = await serve(({ url }, response) => {
      response.statusCode = url === '/good' ? 200 : 500;
      response.end('x'.repeat(10_000));
    });
    const targets = ['/good', '/bad', '/good'].map((path) => target(server.address, { path }));
    {
      using lease = scraper.lease();
      await scrape(scraper, targets, { lease });

      assert.equal(scraper.load.bytes, 2 * 10_016);
    }
    assert.equal(scraper.load.bytes, 0);
  });
});
