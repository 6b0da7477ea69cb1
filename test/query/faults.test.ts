/** Servers that fail, and what a query makes of that. */
import assert from 'node:assert/strict';
import { FederationError } from '../../src/query/failure.ts';
import type { Federation } from '../../src/query/federation.ts';
import { EVERYBODY, openTestFederation } from '../support/federation.ts';
import { startQueryServer } from '../support/query-server.ts';
import { notedValues, seriesOf } from '../support/sample-series.ts';
import { freePort } from '../support/server-process.ts';

const AT_MS = 1_700_000_000_000;
const SERIES = [seriesOf('up{job="a"}', AT_MS, [1, 2, 3])];
const OTHERS = [seriesOf('up{job="b"}', AT_MS, [4])];
const RANGE = { afterMs: AT_MS - 1, untilMs: AT_MS + 600_000 };
const HINTS = { function: '', stepMs: 0, rangeMs: 0 };

async function read(federation: Federation, scope = EVERYBODY) {
  const storage = federation.open(scope);
  const up = { name: '__name__', op: '=', value: 'up' } as const;
  const startedMs = performance.now();
  const blocks = await storage.select([up], RANGE, HINTS, AbortSignal.timeout(20_000));
  return {
    values: blocks.map(notedValues),
    warnings: storage.warnings(),
    outcomes: storage.requests().map(({ server, outcome }) => ({ server, outcome })),
    durationMs: performance.now() - startedMs,
  };
}

async function dead(): Promise<string> {
  return `http://127.0.0.1:${await freePort()}`;
}

describe('a query whose servers fail', () => {
  it('is answered by the other replica, with a warning, if one is dead', async () => {
    await using server = await startQueryServer({ series: SERIES });
    await using federation = openTestFederation([{ name: 'ha', urls: [await dead(), server.url] }]);

    const { values, warnings } = await read(federation);

    assert.deepEqual(values, [[1, 2, 3]]);
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0]!,
      /^group "ha": http:\/\/127\.0\.0\.1:\d+\/ is left out .*ECONNREFUSED/,
    );
  });

  for (const freeze of ['head', 'body'] as const) {
    it(`waits once for a replica that is frozen (${freeze}), then leaves it out`, async () => {
      await using server = await startQueryServer({ series: SERIES });
      await using frozen = await startQueryServer({ series: SERIES, faults: { freeze } });
      await using federation = openTestFederation([{ urls: [frozen.url, server.url] }]);

      const first = await read(federation);
      const asked = frozen.requests.length;
      const second = await read(federation);

      assert.deepEqual([first.values, second.values], [[[1, 2, 3]], [[1, 2, 3]]]);
      assert.equal(first.warnings.length, 1);
      assert.equal(second.warnings.length, 1);
      assert.ok(first.outcomes.some(({ outcome }) => outcome === 'frozen'));
      // Only probes ask it now.
      const later = frozen.requests.slice(asked).map(({ path }) => path);
      assert.deepEqual(
        later.filter((path) => path !== 'status/buildinfo'),
        [],
      );
      assert.equal(second.outcomes.length, 1);
    });
  }

  it('takes a replica in again that answers again', async () => {
    await using server = await startQueryServer({ series: SERIES });
    await using frozen = await startQueryServer({ series: SERIES, faults: { freeze: 'head' } });
    await using federation = openTestFederation([{ urls: [frozen.url, server.url] }]);
    await read(federation);

    frozen.faults = {};
    await frozen.received('status/buildinfo', 1);
    const { warnings } = await untilWell(federation);

    assert.deepEqual(warnings, []);
  });

  it('fails if all servers of a group are dead, and names each', async () => {
    await using server = await startQueryServer({ series: SERIES });
    await using federation = openTestFederation([
      { name: 'well', urls: [server.url], labels: { dc: 'x' } },
      { name: 'gone', urls: [await dead(), await dead()], labels: { dc: 'y' } },
    ]);

    await assert.rejects(read(federation), (error) => {
      assert.ok(error instanceof FederationError);
      assert.match(error.message, /^no server of group "gone" has answered: http.*; http.*connect/);
      return true;
    });
  });

  it('gives what there is if the reader takes that, or the group says so', async () => {
    await using server = await startQueryServer({ series: SERIES });
    const well = { name: 'well', urls: [server.url], labels: { dc: 'x' } };
    const gone = { name: 'gone', urls: [await dead()], labels: { dc: 'y' } };
    await using strict = openTestFederation([well, gone]);
    await using warns = openTestFederation([well, { ...gone, onError: 'warn' }]);
    await using ignores = openTestFederation([well, { ...gone, onError: 'ignore' }]);

    const partial = await read(strict, { ...EVERYBODY, partialResponse: true });

    assert.match(partial.warnings.join(), /group "gone".*its series are missing/);
    assert.match((await read(warns)).warnings.join(), /group "gone".*its series are missing/);
    assert.deepEqual((await read(ignores)).warnings, []);
  });

  it('is answered by the group that holds the same series', async () => {
    await using server = await startQueryServer({ series: SERIES });
    await using federation = openTestFederation([
      { name: 'main', urls: [server.url] },
      { name: 'copy', urls: [await dead()], replicaOf: 'main' },
    ]);

    const { values, warnings } = await read(federation);

    assert.deepEqual(values, [[1, 2, 3]]);
    assert.match(warnings.join(), /group "copy"/);
  });

  it('takes nothing of an answer that breaks off or is damaged', async () => {
    await using server = await startQueryServer({ series: SERIES });
    await using broken = await startQueryServer({ series: OTHERS });
    await using federation = openTestFederation([{ urls: [server.url, broken.url] }]);
    for (const [faults, word] of [
      [{ breakAfterBytes: 20 }, 'truncated'],
      [{ wrongChecksum: true }, 'corrupt'],
      [{ status: 500 }, 'status'],
    ] as const) {
      broken.faults = faults;

      const { values, outcomes } = await read(federation);

      assert.deepEqual(values, [[1, 2, 3]]);
      const own = outcomes.filter((one) => one.server.startsWith(broken.url));
      assert.deepEqual([...new Set(own.map(({ outcome }) => outcome))], [word]);
      broken.faults = {};
      await untilWell(federation);
    }
  });

  it('says that a group has no servers', async () => {
    await using federation = openTestFederation([{ name: 'none', urls: [] }]);

    await assert.rejects(read(federation), /group "none" has no servers/);
  });

  it('ends when its reader leaves', async () => {
    await using frozen = await startQueryServer({ series: SERIES, faults: { freeze: 'head' } });
    await using federation = openTestFederation([{ urls: [frozen.url] }]);
    const reader = new AbortController();
    const up = { name: '__name__', op: '=', value: 'up' } as const;
    const asked = federation.open(EVERYBODY).select([up], RANGE, HINTS, reader.signal);
    await frozen.received('status/config', 1);

    reader.abort(new Error('the reader has left'));

    await assert.rejects(asked, /the reader has left/);
    assert.deepEqual(federation.groups()[0]?.servers[0]?.failures, 0);
  });

  it('ends at the deadline of a server', async () => {
    await using frozen = await startQueryServer({ series: SERIES, faults: { freeze: 'body' } });
    await using federation = openTestFederation([{ urls: [frozen.url], deadlineMs: 100 }]);

    await assert.rejects(read(federation), /gave no whole answer in 100 ms/);
  });
});

/** Asks until no replica is left out. */
async function untilWell(federation: Federation) {
  for (;;) {
    const answer = await read(federation);
    if (answer.warnings.length === 0) return answer;
  }
}
