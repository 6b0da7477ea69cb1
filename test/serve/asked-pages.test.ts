import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { BoundApp, BoundPage } from '../../broker/known-bindings.ts';
import { negotiate } from '../../src/exposition/negotiate.ts';
import { parseExporter } from '../../src/fetch/exporter.ts';
import { createChunk, Splicer } from '../../src/merge/splice.ts';
import {
  type AppPage,
  type AppPageRequest,
  type AppPageSettings,
  loadAppPage,
} from '../../src/serve/app-page.ts';
import { UNBOUND } from '../../src/serve/app-settings.ts';
import { pagesToAsk } from '../../src/serve/asked-pages.ts';
import { openScraper } from '../fetch/instance-server.ts';
import { hang, page, status } from '../support/answers.ts';
import { startAppInstances } from '../support/app-instances.ts';
import { samplesOf } from '../support/samples.ts';
import { type Answer, type SimulatedServer, startServer } from '../support/simulated-server.ts';
import { instance } from './instances.ts';

const PLAIN = UNBOUND.pages[0]!;

/** Settings of an app with these pages. */
function bound(...pages: readonly Partial<BoundPage>[]): BoundApp {
  return { process: 'web', cacheMs: undefined, pages: pages.map((one) => ({ ...PLAIN, ...one })) };
}

/** Answers by path; 404 for all others. */
function byPath(answers: Readonly<Record<string, Answer>>): Answer {
  return (exchange) => (answers[exchange.request.target] ?? status(404))(exchange);
}

/** Loads the page of an app with instances that answer so. */
async function load(
  answers: readonly Answer[],
  settings: BoundApp,
  more: Partial<AppPageRequest & AppPageSettings> = {},
): Promise<{ text: string; outcomes: AppPage['outcomes']; servers: readonly SimulatedServer[] }> {
  await using scraper = openScraper();
  await using instances = await startAppInstances(answers);
  const options = { scraper, labelConflict: 'exported', exportJob: true } as const;
  using loaded = await loadAppPage(
    { ...options, exporters: [], observers: {}, ...more },
    {
      instances: instances.addresses.map((address, at) => instance('shop', `${at}`, address)),
      withExporters: true,
      path: '/reader',
      settingsOf: () => settings,
      headers: { instances: ['Authorization', 'Basic reader', 'X-Reader', '1'], exporters: [] },
      negotiated: negotiate(undefined, { textOnly: true }),
      deadlineMs: performance.now() + 20_000,
      signal: new AbortController().signal,
      ...more,
    },
  );
  return { text: textOf(loaded), outcomes: loaded.outcomes, servers: instances.instances };
}

function textOf({ plan }: AppPage): string {
  const splicer = new Splicer(plan);
  const chunk = createChunk(65_536);
  let text = '';
  for (let filled = splicer.fill(chunk); filled > 0; filled = splicer.fill(chunk)) {
    text += chunk.bytes.toString('utf8', 0, filled);
  }
  return text;
}

/** Values of a sample with some of its labels, in the order of the page. */
function table(text: string, name: string, ...labels: readonly string[]): string[] {
  return samplesOf(text, name).map((sample) =>
    [...labels.map((label) => sample.labels[label]), sample.value].join(' '),
  );
}

describe('the pages that bindings name', () => {
  it('are asked of every instance, and merged instance by instance', async () => {
    const answer = (n: number): Answer =>
      byPath({ '/a': page(`first 1${n}\n`), '/b?x=1': page(`second 2${n}\nfirst{b="1"} 3${n}\n`) });

    const { text, outcomes } = await load(
      [answer(0), answer(1)],
      bound({ path: '/a' }, { path: '/b?x=1' }),
    );

    assert.deepEqual(table(text, 'first', 'index'), ['0 10', '0 30', '1 11', '1 31']);
    assert.deepEqual(table(text, 'second', 'index'), ['0 20', '1 21']);
    assert.ok(text.indexOf('first{') < text.indexOf('second{'));
    assert.deepEqual(
      outcomes.map(({ path, samples, failure }) => [path, samples, failure]),
      [
        ['/a', 1, undefined],
        ['/b?x=1', 2, undefined],
        ['/a', 1, undefined],
        ['/b?x=1', 2, undefined],
      ],
    );
  });

  it('are reported by their paths, each with its own failure', async () => {
    const answer = byPath({ '/a"': page('a 1\n') });

    const { text } = await load([answer], bound({ path: '/a"' }, { path: '/b' }));

    assert.deepEqual(table(text, 'promgate_instance_up', 'index', 'path'), ['0 /a\\" 1', '0 /b 0']);
    assert.deepEqual(table(text, 'promgate_instance_scrape_samples', 'path'), ['/a\\" 1', '/b 0']);
    assert.deepEqual(table(text, 'promfetcher_scrape_error', 'path', 'error'), ['/b status-4xx 1']);
    assert.match(text, /,instance="[^"]+",path="\/b",error="status-4xx"\} 1$/m);
  });

  it('are told apart where their path is the same', async () => {
    const settings = bound({ path: '/a' }, { path: '/a', headers: ['X-Tenant', 'two'] });

    const { text } = await load([byPath({ '/a': page('a 1\n') })], settings);

    assert.deepEqual(table(text, 'promgate_instance_up', 'path', 'page'), ['/a 0 1', '/a 1 1']);
  });

  it('are one in place of what the reader wants, reported as any other', async () => {
    const { text, outcomes } = await load([byPath({ '/a': page('a 1\n') })], bound({ path: '/a' }));

    assert.deepEqual(table(text, 'a'), ['1']);
    assert.deepEqual(table(text, 'promgate_instance_up', 'path'), [' 1']);
    assert.equal(outcomes[0]?.path, '/a');
  });

  it('are the one that the reader wants where no binding names any', async () => {
    const { text } = await load([byPath({ '/reader': page('a 1\n') })], bound({ deny: ['b'] }));

    assert.deepEqual(table(text, 'a'), ['1']);
  });

  it('get their own headers, which neither other pages nor exporters see', async () => {
    await using exporter = await startServer(page('e 1\n'));
    const settings = bound({ path: '/a', headers: ['authorization', 'Bearer a'] }, { path: '/b' });
    const answer = byPath({ '/a': page('a 1\n'), '/b': page('b 1\n') });

    const { text, servers } = await load([answer], settings, {
      exporters: [parseExporter({ name: 'billing', host: exporter.address })],
    });

    const sent = new Map(servers[0]!.requests.map(({ target, headers }) => [target, headers]));
    assert.equal(sent.get('/a')?.['authorization'], 'Bearer a');
    assert.equal(sent.get('/b')?.['authorization'], 'Basic reader');
    assert.equal(sent.get('/a')?.['x-reader'], '1');
    assert.equal(exporter.requests.length, 1); // once per app, whatever pages it has
    assert.equal(exporter.requests[0]?.headers['authorization'], undefined);
    assert.deepEqual(table(text, 'e'), ['1']);
  });

  it('have their own timeout: one that hangs costs no other one', async () => {
    const { text } = await load(
      [byPath({ '/slow': hang, '/b': page('b 1\n') })],
      bound({ path: '/slow', timeoutMs: 20 }, { path: '/b' }),
    );

    assert.deepEqual(table(text, 'b'), ['1']);
    assert.deepEqual(table(text, 'promfetcher_scrape_error', 'path', 'error'), ['/slow timeout 1']);
  });

  it('are filtered, labelled and freed of what earlier ones say, whichever comes first', async () => {
    for (const late of ['/a', '/b']) {
      const other = new AbortController();
      const inOrder =
        (path: string, text: string): Answer =>
        async (exchange) => {
          if (path === late && !other.signal.aborted) await once(other.signal, 'abort');
          await page(text)(exchange);
          if (path !== late) other.abort();
        };
      const counts = { filtered: 0, duplicates: 0 };

      const { text, outcomes } = await load(
        [
          byPath({
            '/a': inOrder('/a', 'x 1\ny{team="own"} 2\ngo_threads 3\n'),
            '/b': inOrder('/b', 'z 4\ny{exported_team="own",team="blue"} 5\nx 6\nx{n="1"} 7\n'),
          }),
        ],
        bound(
          { path: '/a', labels: [['team', 'blue']], deny: ['go_*'] },
          { path: '/b', allow: ['?'] },
        ),
        {
          observers: {
            onFilteredSamples: (count) => {
              counts.filtered += count;
            },
            onDuplicateSamples: (count) => {
              counts.duplicates += count;
            },
          },
        },
      );

      assert.deepEqual(table(text, 'x', 'team', 'n'), ['blue  1', '  6', ' 1 7']);
      assert.deepEqual(table(text, 'y', 'team', 'exported_team'), ['blue own 2']);
      assert.deepEqual(table(text, 'go_threads'), []);
      assert.deepEqual(counts, { filtered: 1, duplicates: 1 });
      assert.deepEqual(
        outcomes.map(({ samples }) => samples),
        [2, 3],
      );
    }
  });

  it("are an app's own: another one in the same request is asked as ever", async () => {
    const both = byPath({ '/a': page('a 1\n'), '/b': page('b 1\n'), '/reader': page('r 1\n') });
    await using servers = await startAppInstances([both, both]);
    const [shop, blog] = servers.addresses.map((address, at) =>
      instance(at === 0 ? 'shop' : 'blog', '0', address),
    );
    const settings = bound({ path: '/a' }, { path: '/b' });

    const { text } = await load([], settings, {
      instances: [shop!, blog!],
      settingsOf: ({ appName }) => (appName === 'shop' ? settings : UNBOUND),
    });

    assert.deepEqual(table(text, 'promgate_instance_up', 'app_name', 'path'), [
      'shop /a 1',
      'shop /b 1',
      'blog  1',
    ]);
    assert.deepEqual(table(text, 'r', 'app_name'), ['blog 1']);
  });
});

describe('pagesToAsk', () => {
  it('makes labels and rules once for the same instance and settings', () => {
    const one = instance('shop', '0', '10.0.0.1:80');
    const settings = bound({ path: '/a', labels: [['team', 'blue']] }, { path: '/b' });
    const ask = () =>
      pagesToAsk([], {
        ...{ instances: [one], withExporters: false, path: '/metrics' },
        settingsOf: () => settings,
      });

    const [first, again] = [ask(), ask()];

    assert.equal(first.length, 2);
    for (const [at, { labels, rules }] of first.entries()) {
      assert.equal(again[at]?.labels, labels);
      assert.equal(again[at]?.rules, rules);
    }
  });

  it('asks an app without bindings for what the reader wants, by no rules', () => {
    const one = instance('shop', '0', '10.0.0.1:80');

    const [asked, ...others] = pagesToAsk([], {
      ...{ instances: [one], withExporters: false, path: '/reader' },
    });

    assert.deepEqual(others, []);
    assert.equal(asked?.target.path, '/reader');
    assert.equal(asked?.target.oneOfSeveral, false);
    assert.equal(asked?.rules, undefined);
    assert.equal(asked?.reportedPage, '');
  });
});
