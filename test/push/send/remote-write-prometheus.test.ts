/** Remote write into Debian's Prometheus, with the values read back by its API. */
import assert from 'node:assert/strict';
import { eventually } from '../../support/eventually.ts';
import { SLOW_MS } from '../../support/limits.ts';
import { startPrometheus } from '../../support/prometheus.ts';
import { requireProgram } from '../../support/require-program.ts';
import { openRemote, seeRemote, textSource } from './remote.ts';

describe('remote write to Prometheus', function () {
  this.timeout(SLOW_MS);

  it('stores values as they are, by the protocol that this Prometheus knows', async function () {
    const program = requireProgram(this, 'prometheus');
    await using prometheus = await startPrometheus({
      program,
      config: {},
      args: ['--web.enable-remote-write-receiver'],
    });
    const source = textSource(`jobs_total{job="a",path="C:\\\\x \\"y\\""} 5
      tiny 1.0000000000000002e-300
      without_value NaN
      endless +Inf`);
    const observers = seeRemote();
    const url = `${prometheus.url}/api/v1/write`;
    await using remote = openRemote({ url, source, observers, intervalMs: 200 });

    const found = await eventually('four series', async () => {
      const all = await prometheus.query('{__name__=~"jobs_total|tiny|without_value|endless"}');
      return all.length === 4 ? all : undefined;
    });
    assert.deepEqual(found.map(({ labels, value }) => [labels['__name__'], value]).toSorted(), [
      ['endless', '+Inf'],
      ['jobs_total', '5'],
      ['tiny', '1.0000000000000002e-300'],
      ['without_value', 'NaN'],
    ]);
    const path = found.find(({ labels }) => labels['__name__'] === 'jobs_total')?.labels['path'];
    assert.equal(path, 'C:\\x "y"');
    assert.equal(remote.version, 1);
    assert.deepEqual(observers.lines, ['fallback 204']);
  });

  it('ends a series that has gone at once', async function () {
    const program = requireProgram(this, 'prometheus');
    await using prometheus = await startPrometheus({
      program,
      config: {},
      args: ['--web.enable-remote-write-receiver'],
    });
    const source = textSource('jobs_total{job="a"} 5\njobs_total{job="b"} 6');
    const url = `${prometheus.url}/api/v1/write`;
    await using _remote = openRemote({ url, source, version: 1, intervalMs: 200 });
    const values = async (): Promise<string> =>
      (await prometheus.query('jobs_total')).map(({ value }) => value).join();
    await eventually('both series', async () => ((await values()) === '5,6' ? true : undefined));

    source.delete('jobs_total{job="a"}');

    await eventually('one series', async () => ((await values()) === '6' ? true : undefined));
  });
});
