/** The commands of the page on the caching proxy, run as they are written; its words and metrics. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { HttpStore } from '../../src/refresh/http-store.ts';
import { proxyMetrics } from '../../src/telemetry/proxy-metrics.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { runBlocks } from '../support/doc-commands.ts';
import { SLOW_MS } from '../support/limits.ts';
import { requireProgram } from '../support/require-program.ts';
import { freePort } from '../support/server-process.ts';

const read = (place: string): Promise<string> =>
  readFile(new URL(`../../${place}`, import.meta.url), 'utf8');

describe('docs/proxy.md', function () {
  this.timeout(SLOW_MS);

  it('shows commands that do what it says', async function () {
    requireProgram(this, 'curl');
    const printed = await runBlocks('proxy.md', {
      3000: await freePort(),
      8000: await freePort(),
      8080: await freePort(),
    });

    assert.match(printed, /^asked for \/products$/m);
    assert.match(printed, /^X-Cache: HIT\r?$/m);
    assert.match(printed, /^Cache-Status: promgate; hit; ttl=\d+\r?$/m);
    assert.match(printed, /^proxy_requests_total\{method="GET",code="200",cache="hit"\} 1$/m);
    assert.match(printed, /^proxy_cache_hit_ratio 0\.5$/m);
    assert.match(printed, /^cleared 1 entry$/m);
    assert.match(printed, /^X-Cache: MISS\r?$/m);
  });

  it('names every metric', async () => {
    const registry = new MetricRegistry();
    proxyMetrics(registry, new HttpStore({ maxBytes: 1 }));
    const printed = await registry.print();
    const page = await read('docs/proxy.md');

    for (const [, name] of printed.matchAll(/^# TYPE (\S+)/gm)) {
      assert.ok(page.includes(`\`${name}\``), name);
    }
  });

  it('gives the result of the test suite that is saved', async () => {
    const { totals } = JSON.parse(await read('bench/cache-suite.json'));
    const page = (await read('docs/proxy.md')).replaceAll(/\s+/g, ' ');
    const [required, optimal] = [totals.required, totals.optimal].map((text) => text.split(' of '));

    assert.ok(page.includes(`${required[1]} required and ${optimal[1]} optional tests`));
    assert.ok(page.includes(`passes ${required[0]} and ${optimal[0]} `));
  });
});
