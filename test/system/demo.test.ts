/**
 * `npm run demo` as the README promises it to someone new: it starts, what it prints works, Ctrl-C
 * ends it.
 */
import assert from 'node:assert/strict';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import { runNpm } from '../support/program.ts';
import { samplesOf } from '../support/samples.ts';

const ENDED = 'Ctrl-C ends it.';

/** The part of an answer of the query API that the demo's query gives. */
interface QueryAnswer {
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}

describe('npm run demo', function () {
  this.timeout(SLOW_MS);

  it('prints addresses that answer, and ends in order at Ctrl-C', async () => {
    await using demo = runNpm(['run', 'demo', '--', '--port', '0']);
    await eventually('the demo to say what to open', () => demo.lines.includes(ENDED) || undefined);
    const guide = demo.lines.join('\n');

    const pages = new Map<string, string>();
    for (const [, method = 'GET', url = ''] of guide.matchAll(
      /(?:-X (\w+) ')?(http:\/\/[^\s']+)/g,
    )) {
      const answer = await fetch(url, { method });
      const { pathname, searchParams } = new URL(url);
      const isOfEndpoint = searchParams.has('endpoint');
      pages.set(isOfEndpoint ? 'endpoint' : pathname, await answer.text());
      assert.equal(answer.status, 200, url);
    }
    demo.killGroup('SIGINT');
    const exit = await demo.exited;

    assert.deepEqual(exit, { code: 0, signal: null });
    const page = (path: string): string => pages.get(path) ?? '';
    const shop = page('/v1/apps/demo/prod/shop/metrics');
    const instances = samplesOf(shop, 'promgate_instance_up').map(({ labels }) => labels['index']);
    assert.deepEqual(instances, ['0', '1', '2']);
    assert.ok(samplesOf(shop, 'http_requests_total').length >= 3);
    const mailer = page('/v1/apps/demo/prod/mailer/metrics');
    const ups = samplesOf(mailer, 'promgate_instance_up').map(({ value }) => value);
    assert.deepEqual(ups, ['1', '1', '0']);
    assert.equal(samplesOf(mailer, 'promfetcher_scrape_error').length, 1);
    assert.equal(JSON.parse(page('/sd/apps')).length, 7);
    assert.equal(Object.keys(JSON.parse(page('/routes'))).length, 7);
    assert.match(page('/metrics'), /^promgate_apps 7$/m);
    assert.ok(samplesOf(page('endpoint'), 'http_requests_total').length >= 1);
    const pushed = page('/push/metrics');
    assert.ok(Number(samplesOf(pushed, 'letters_total')[0]?.value) >= 1, pushed);
    assert.equal(samplesOf(pushed, 'last_run_timestamp_seconds')[0]?.labels['job'], 'letters');
    assert.equal(page('/push/metrics/backups_total'), 'ok');
    assert.match(page('/'), /<title>promgate<\/title>/);
    assert.match(
      demo.lines.find((line) => line.includes('http://')) ?? '',
      /^open http:\/\/\S+\/ /,
    );
    const { data } = JSON.parse(page('/api/v1/query')) as QueryAnswer;
    assert.ok(Math.abs(Number(data.result[0]?.value[1]) - 5.75) < 0.1, page('/api/v1/query'));
    assert.equal(pages.size, 12);
  });
});
