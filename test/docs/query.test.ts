/** The commands of docs/query.md, run as they are written; and its lists of words and metrics. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { QUERY_ERROR_TYPES, QueryError } from '../../src/serve/query-errors.ts';
import { queryMetrics } from '../../src/telemetry/query-metrics.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { runBlocks } from '../support/doc-commands.ts';
import { metricNames, readDoc, unnamed } from '../support/doc-words.ts';
import { SLOW_MS } from '../support/limits.ts';
import { requireProgram } from '../support/require-program.ts';
import { freePort } from '../support/server-process.ts';

const NOW = {
  ...{ running: 0, queued: 0, maxConcurrent: 1, groups: [] },
  reload: { successful: true, atSeconds: 0 },
};

describe('docs/query.md', function () {
  this.timeout(SLOW_MS);

  it('shows commands that do what it says', async function () {
    for (const program of ['prometheus', 'promtool', 'curl']) requireProgram(this, program);
    const [promgate, first, second, query] = await Promise.all(Array.from({ length: 4 }, freePort));
    const ports = { 8085: promgate!, 9091: first!, 9092: second!, 8082: query! }; // four were asked for

    const printed = await runBlocks('query.md', ports);

    const shown = readDoc('query.md').matchAll(/^```sh\n.*?^```\n```text\n(.*?)^```$/gms);
    const lines = Array.from(shown, ([, text]) => text!.trimEnd().split('\n')).flat(); // its group
    assert.ok(lines.length > 6);
    for (const line of lines) {
      const moved = line.replace('127.0.0.1:9091', `127.0.0.1:${ports[9091]}`);
      assert.ok(printed.includes(moved), `${moved} in ${printed}`);
    }
  });

  it('names every metric', async () => {
    const registry = new MetricRegistry();
    queryMetrics(registry, { calls: [], errors: [] }, () => NOW);

    assert.deepEqual(unnamed('query.md', await metricNames(registry)), []);
  });

  it('has every type of error with its status', () => {
    const rows = readDoc('query.md').split('### Errors')[1]!.split('###')[0]!; // the page has both
    for (const type of QUERY_ERROR_TYPES) {
      const row = rows.split('\n').find((line) => line.includes(`\`${type}\``)) ?? '';
      assert.match(row, new RegExp(`\\b${new QueryError(type, '').status}\\b`), type);
    }
  });

  it('has every word for the failure of a server', () => {
    const source = new URL('../../src/query/target/failure.ts', import.meta.url);
    const [, union = ''] = /TargetFailure =(.*?);\n\n/s.exec(readFileSync(source, 'utf8')) ?? [];
    const words = Array.from(union.matchAll(/\| '([a-z-]+)'/g), ([, word]) => word!); // its group

    assert.ok(words.length > 10);
    assert.deepEqual(unnamed('query.md', [...words, 'frozen', 'internal']), []);
  });
});
