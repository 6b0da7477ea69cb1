import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { negotiate } from '../../src/exposition/negotiate.ts';
import { type AppPageRequest, loadAppPage } from '../../src/serve/app-page.ts';
import { openScraper } from '../fetch/instance-server.ts';
import { page } from '../support/answers.ts';
import { startAppInstances } from '../support/app-instances.ts';
import type { Answer } from '../support/simulated-server.ts';
import { instance } from './instances.ts';

const options = { exporters: [], labelConflict: 'exported', exportJob: true } as const;

/** A request for the page of an app with instances at these addresses. */
function requestFor(addresses: readonly string[]): AppPageRequest {
  return {
    instances: addresses.map((address, at) => instance('shop', `${at}`, address)),
    withExporters: false,
    path: '/metrics',
    headers: { instances: [], exporters: [] },
    negotiated: negotiate(undefined, { textOnly: true }),
    deadlineMs: performance.now() + 20_000,
    signal: new AbortController().signal,
  };
}

describe('loadAppPage', () => {
  it('rejects with a mistake of ours when all have answered, and gives the bytes back', async () => {
    using unhandled = collectUnhandled();
    await using scraper = openScraper();
    const gate = new AbortController();
    const late: Answer = async (exchange) => {
      if (!gate.signal.aborted) await once(gate.signal, 'abort');
      return page('foo 2\n')(exchange);
    };
    await using instances = await startAppInstances([page('promgate_instance_up 1\n'), late]);
    const mistake = new Error('a mistake');
    const counted = Promise.withResolvers<void>();
    const onDroppedSamples = (): void => {
      counted.resolve();
      throw mistake;
    };

    const loading = loadAppPage(
      { scraper, ...options, observers: { onDroppedSamples } },
      requestFor(instances.addresses),
    );
    const rejected = assert.rejects(loading, mistake);
    await counted.promise;
    await setImmediate(); // time for a rejection that nobody has taken
    gate.abort();

    await rejected;
    assert.deepEqual(unhandled.errors, []); // one would end the process
    assert.equal(scraper.load.bytes, 0);
  });
});

describe('an instance whose address several claim', () => {
  it('is not asked, and its page says so', async () => {
    await using scraper = openScraper();
    await using instances = await startAppInstances([page('foo 1\n'), page('foo 2\n')]);
    const request = requestFor(instances.addresses);
    const [first, second] = request.instances;

    using loaded = await loadAppPage(
      { scraper, ...options, observers: {} },
      { ...request, instances: [{ ...first!, ambiguous: true }, second!] },
    );

    assert.deepEqual(
      loaded.outcomes.map(({ failure }) => failure),
      ['ambiguous', undefined],
    );
    assert.deepEqual(
      instances.instances.map(({ requests }) => requests.length),
      [0, 1],
    );
  });
});

describe('the bytes of an app page', () => {
  it('count with the indexes of its pages: what has no room is over-budget', async () => {
    const text = 'a 1\nb 1\n'.repeat(5_000); // 40 KB, whose runs take 28 bytes each
    await using scraper = openScraper({ maxBytes: 1_000_000, maxBodyBytes: 200_000 });
    await using instances = await startAppInstances([page(text), page(text), page(text)]);

    using loaded = await loadAppPage(
      { scraper, ...options, observers: {} },
      requestFor(instances.addresses),
    );

    const failures = loaded.outcomes.map(({ failure }) => failure);
    assert.ok(failures.includes('over-budget'), String(failures));
    assert.ok(failures.includes(undefined), String(failures));
    assert.ok(scraper.load.bytes <= 1_000_000);
  });

  for (const readers of [2, 8]) {
    it(`leave the pages of none of ${readers} readers out that would fit one after the other`, async () => {
      const line = (at: number) => `http_requests_total{path="/a/${at}",code="200"} ${at}\n`;
      const text = Array.from({ length: 24_000 }, (_, at) => line(at)).join(''); // 1.1 MB
      await using scraper = openScraper({ maxBytes: 64 * 2 ** 20, maxBodyBytes: 16 * 2 ** 20 });
      await using instances = await startAppInstances(Array.from({ length: 20 }, () => page(text)));
      const settings = { scraper, ...options, observers: {} };
      const read = async (): Promise<number> => {
        using loaded = await loadAppPage(settings, {
          ...requestFor(instances.addresses),
          deadlineMs: Number.POSITIVE_INFINITY,
        });
        return loaded.outcomes.filter(({ failure }) => failure === undefined).length;
      };

      const counts = await Promise.all(Array.from({ length: readers }, read));

      assert.deepEqual(counts, Array(readers).fill(20));
      assert.equal(scraper.load.bytes, 0);
    }).timeout(60_000);
  }
});

describe('the families of an app page', () => {
  it('are too-large in the pages that have the most, never in a small one that came later', async () => {
    await using scraper = openScraper();
    const huge = ['a', 'b', 'c'].map((name) =>
      page(Array.from({ length: 90_000 }, (_, n) => `${name}${n} 1\n`).join('')),
    );
    await using instances = await startAppInstances([...huge, page('small 1\n')]);

    using loaded = await loadAppPage(
      { scraper, ...options, observers: {} },
      requestFor(instances.addresses),
    );

    const failures = loaded.outcomes.map(({ failure }) => failure);
    assert.deepEqual(failures, [undefined, undefined, 'too-large', undefined]);
    assert.equal(loaded.outcomes[2]?.samples, 0);
  }).timeout(60_000);
});

/** Collects rejections that nobody has taken by the end of their turn. */
function collectUnhandled(): Disposable & { readonly errors: readonly unknown[] } {
  const errors: unknown[] = [];
  const collect = (error: unknown): void => void errors.push(error);
  process.on('unhandledRejection', collect);
  return { errors, [Symbol.dispose]: () => process.off('unhandledRejection', collect) };
}
