/** One tenant's hanging, huge or many instances leave another's scrape alone. No clock is asked. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { ScrapeAnswer } from '../../src/fetch/answer.ts';
import type { Scraper } from '../../src/fetch/fan-out.ts';
import {
  brief,
  type InstanceServer,
  openScraper,
  scrape,
  serve,
  serveNobody,
  target,
  until,
} from './instance-server.ts';

const MIB = 2 ** 20;

/** Targets of an app that is alone in its space, all at the same address. */
function targets(server: InstanceServer, count: number, app: string, path = '/metrics') {
  return Array.from({ length: count }, () => target(server.address, { app, space: app, path }));
}

function failures(answers: readonly ScrapeAnswer[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { failure = 'page' } of answers) counts.set(failure, (counts.get(failure) ?? 0) + 1);
  return counts;
}

/** Asks an instance that hangs until it has been asked, and has not answered, two times. */
async function hangTwice(scraper: Scraper, server: InstanceServer): Promise<void> {
  for (let hung = 0; hung < 2; ) {
    const deadlineMs = performance.now() + 5;
    const [answer] = await scrape(scraper, targets(server, 1, 'app', '/hang'), { deadlineMs });
    assert.equal(answer?.failure, 'timeout');
    if (answer.durationSeconds > 0) hung++;
  }
}

describe('fairness', () => {
  it("leaves another app's scrape alone beside 500 instances that hang", async () => {
    await using scraper = openScraper();
    const hanging: ServerResponse[] = [];
    await using bad = await serve((_request, response) => void hanging.push(response));
    await using good = await serve((_request, response) => void response.end('up 1\n'));
    const slow = scrape(scraper, targets(bad, 500, 'bad'));
    await until(() => hanging.length === 128, 'the app has all its slots');

    for (let i = 0; i < 20; i++) {
      const answers = await scrape(scraper, targets(good, 100, 'good'));
      assert.ok(answers.every(({ page }) => page));
    }

    assert.equal(hanging.length, 128);
    scraper.endBy(performance.now());
    const answers = await slow;
    assert.deepEqual(failures(answers), new Map([['timeout', 500]]));
    assert.equal(answers.filter(({ durationSeconds }) => durationSeconds > 0).length, 128);
    assert.equal(scraper.load.slots, 0);
    assert.equal(bad.connected, 128);
  });

  it("leaves another app's scrape alone beside 100 instances of 16 MiB", async () => {
    await using scraper = openScraper({ maxBytes: 64 * MIB, maxBodyBytes: 16 * MIB });
    const huge = Buffer.alloc(16 * MIB, 'x');
    await using bad = await serve((_request, response) => void response.end(huge));
    await using good = await serve((_request, response) => void response.end('x'.repeat(50_000)));
    using lease = scraper.lease();
    const large = await scraper.scrape({
      targets: targets(bad, 100, 'bad'),
      headers: { instances: [], exporters: [] },
      deadlineMs: performance.now() + 60_000,
      signal: new AbortController().signal,
      lease,
    });
    // What fits is answered, the rest cannot be: its own scrape holds what it waits for.
    assert.deepEqual(
      failures(large),
      new Map([
        ['page', 3],
        ['over-budget', 97],
      ]),
    );

    for (let i = 0; i < 20; i++) {
      const answers = await scrape(scraper, targets(good, 100, 'good'));
      assert.ok(answers.every(({ page }) => page));
    }
  });

  it('never holds more than max_bytes, and lets scrapes wait for each other', async () => {
    const maxBytes = 8 * MIB;
    await using scraper = openScraper({ maxBytes, maxBodyBytes: MIB });
    await using server = await serve(({ url }, response) => {
      if (url === '/known') response.setHeader('Content-Length', MIB);
      response.write('x');
      response.end('x'.repeat(MIB - 1));
    });
    let most = 0;
    let pages = 0;
    const onAnswer = (answer: ScrapeAnswer) => {
      most = Math.max(most, scraper.load.bytes);
      if (answer.page) pages++;
      return undefined;
    };

    const all = await Promise.all(
      Array.from({ length: 24 }, (_, i) =>
        scrape(scraper, targets(server, 4, `app-${i % 3}`, i % 2 ? '/known' : '/unknown'), {
          onAnswer,
        }),
      ),
    );

    assert.ok(most <= maxBytes, `${most} bytes`);
    assert.equal(scraper.load.bytes, 0);
    const seen = failures(all.flat());
    assert.deepEqual(
      [...seen.keys()].filter((word) => word !== 'page' && word !== 'over-budget'),
      [],
    );
    assert.ok(pages >= 8, `${pages} pages`); // what fits at once is answered at the least
  });

  it('fails as over-budget what waits for bytes at the deadline, and reads no more of it', async () => {
    await using scraper = openScraper({ maxBytes: 2 * MIB, maxBodyBytes: MIB });
    await using server = await serve(
      (_request, response) => void response.end('x'.repeat(MIB - 16)),
    );
    using lease = scraper.lease();
    const request = {
      headers: { instances: [], exporters: [] },
      deadlineMs: performance.now() + 60_000,
      signal: new AbortController().signal,
    };
    const first = await scraper.scrape({ ...request, targets: targets(server, 1, 'app'), lease });
    assert.equal(first[0]?.bodyBytes, MIB - 16);

    const second = scrape(scraper, targets(server, 1, 'app'));
    await until(() => scraper.load.waitingForBytes === 1, 'it waits');
    scraper.endBy(performance.now());

    assert.deepEqual((await second).map(brief), ['over-budget (200)']);
    assert.equal(scraper.load.bytes, MIB);
  });

  it('goes on where it waited when bytes are free again, also within gzip', async () => {
    await using scraper = openScraper({ maxBytes: 2 * MIB, maxBodyBytes: MIB });
    const body = 'x'.repeat(MIB - 16);
    await using server = await serve(({ url }, response) => {
      if (url !== '/gzip') return response.end(body);
      response.setHeader('Content-Encoding', 'gzip');
      return response.end(gzipSync(body));
    });
    for (const path of ['/plain', '/gzip']) {
      const lease = scraper.lease();
      const request = {
        headers: { instances: [], exporters: [] },
        deadlineMs: performance.now() + 60_000,
        signal: new AbortController().signal,
      };
      await scraper.scrape({ ...request, targets: targets(server, 1, 'app'), lease });
      const second = scrape(scraper, targets(server, 1, 'app', path));
      await until(() => scraper.load.waitingForBytes === 1, 'it waits');

      lease[Symbol.dispose]();

      const [answer] = await second;
      assert.ok(answer?.page, brief(answer));
      assert.ok(answer.page.body.equals(Buffer.from(body)));
      assert.equal(scraper.load.bytes, 0);
    }
  });

  it('gives an instance that hung twice one slot until it answers', async () => {
    await using server = await serve(({ url }, response) => {
      if (url !== '/hang') response.end('up 1\n');
    });
    await using scraper = openScraper();
    await hangTwice(scraper, server);
    const reader = new AbortController();
    const slow = scrape(scraper, targets(server, 50, 'app', '/hang'), { signal: reader.signal });
    await until(() => server.open.size === 1, 'the probe is out');
    assert.equal(scraper.load.slots, 1);
    reader.abort();
    await slow;

    const answers = await scrape(scraper, targets(server, 50, 'app'));

    assert.deepEqual(failures(answers), new Map([['page', 50]]));
  });

  it('gives up an address that takes no connection, long before the deadline', async () => {
    await using nobody = await serveNobody();
    await using scraper = openScraper();
    const deadlineMs = performance.now() + 10_000;

    const [answer] = await scrape(scraper, [target(nobody.address)], { deadlineMs });

    assert.equal(answer?.failure, 'unreachable'); // at the deadline it would be `timeout`
    assert.ok(answer.durationSeconds >= 1.9, `${answer.durationSeconds} s`);
  });

  it('gives an address that took no connection twice one slot', async () => {
    await using nobody = await serveNobody();
    await using scraper = openScraper({ connectTimeoutMs: 20 });
    const one = target(nobody.address);
    for (let i = 0; i < 2; i++) {
      assert.deepEqual((await scrape(scraper, [one])).map(brief), ['unreachable']);
    }
    const reader = new AbortController();

    const scraping = scrape(scraper, Array(50).fill(one), { signal: reader.signal });

    assert.equal(scraper.load.slots, 1);
    reader.abort();
    await scraping;
  });

  it('holds nothing against an address whose turn had not come at the deadline', async () => {
    await using bad = await serve(() => undefined);
    const asked: ServerResponse[] = [];
    await using server = await serve((_request, response) => void asked.push(response));
    await using scraper = openScraper({ perApp: 1 });
    const all = [target(bad.address), target(server.address), target(server.address)];
    for (let i = 0; i < 3; i++) {
      const answers = await scrape(scraper, all, { deadlineMs: performance.now() + 20 });
      assert.deepEqual(failures(answers), new Map([['timeout', 3]]));
    }
    assert.equal(asked.length, 0);

    const scraping = scrape(scraper, [
      ...targets(server, 1, 'one-app'),
      ...targets(server, 1, 'another-app'),
    ]);

    await until(() => asked.length === 2, 'both are asked at once');
    for (const response of asked) response.end('up 1\n');
    assert.deepEqual(failures(await scraping), new Map([['page', 2]]));
  });

  it('asks an address anew that left the table while it hung', async () => {
    const seen: ServerResponse[] = [];
    await using server = await serve(({ url }, response) => {
      if (url === '/metrics') seen.push(response); // `/hang` may arrive late, and is not answered
    });
    await using scraper = openScraper();
    await hangTwice(scraper, server);

    scraper.forget(server.address);
    const scraping = scrape(scraper, targets(server, 3, 'app'));

    await until(() => seen.length === 3, 'all three are asked');
    for (const response of seen) response.end('up 1\n');
    assert.ok((await scraping).every(({ page }) => page));
  });
});
