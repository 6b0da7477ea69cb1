/** Pages that are large: read in parts, and never a burden to the main thread. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parsePage } from '../../../src/discover/cf-api/page-parser.ts';
import { appJson } from '../../support/cf-api/resources.ts';
import { startSource } from '../../support/cf-api/source.ts';
import { World } from '../../support/cf-api/world.ts';

describe('a large page of the CF API', () => {
  it('over the bound on bytes is read in parts, and whole', async () => {
    await using test = await startSource({
      ...{ perPage: 100, maxPageBytes: 64 * 1024, requestsPerMinute: 100, fullIntervalMs: 1 },
      prepare: ({ world }, space) => {
        const annotations = { 'example.com/note': 'x'.repeat(1000) };
        for (let at = 0; at < 90; at += 1) world.push({ name: `app-${at}`, space, annotations });
      },
    });

    await test.swept(1);
    const first = test.api.requests.length;
    await test.sweepAgain();

    assert.deepEqual(test.told.errors, []);
    assert.equal(test.table.sizes().apps, 90);
    const asked = test.api.requests.slice(first).filter((one) => one.includes('/v3/apps?'));
    assert.ok(
      asked.every((one) => one.includes('per_page=25&')),
      `${asked}`,
    ); // as it has learnt
    assert.equal(asked.length, 4);
  });

  it('whose single resource is over the bound fails with the word too-large', async () => {
    await using test = await startSource({
      ...{ perPage: 10, maxPageBytes: 64 * 1024, requestsPerMinute: 100 },
      prepare: ({ world }, space) => {
        world.push({ name: 'app', space, annotations: { note: 'x'.repeat(100_000) } });
      },
    });

    await test.swept(1);

    assert.equal(test.told.errors[0]?.fault, 'too-large');
  });

  it('is parsed outside the main thread, and taken over in small steps', async () => {
    const world = new World(() => 0);
    const space = world.space('acme', 'prod');
    const resources = Array.from({ length: 5000 }, (_, at) => {
      return appJson(world.push({ name: `app-${at}`, space, route: false }));
    });
    const text = JSON.stringify({ pagination: { total_results: 5000, next: null }, resources });
    const bytes = new Uint8Array(Buffer.from(text));
    const { head, chunks } = await parsePage([bytes], 'apps', new AbortController().signal);
    const sizes = Array.from(chunks, ({ records }) => records.length);

    assert.deepEqual([head.count, sizes.reduce((sum, one) => sum + one, 0)], [5000, 5000]);
    assert.equal(bytes.length, 0); // transferred, not copied
    assert.ok(Math.max(...sizes) <= 32, 'a few records in each step');
  });

  it('that is no page is refused by the worker as on the main thread', async () => {
    const { signal } = new AbortController();
    for (const [text, fault] of [
      [`["${'x'.repeat(300_000)}"]`, 'shape'],
      [`["${'x'.repeat(300_000)}`, 'json'],
    ]) {
      const bytes = new Uint8Array(Buffer.from(text!));
      await assert.rejects(parsePage([bytes], 'apps', signal), { fault });
    }
  });

  it('that needs more memory than there is is too large, and the process goes on', async function () {
    this.timeout(60_000);
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...['--max-old-space-size=40', '--eval', PARSE_HUGE_PAGE],
      fileURLToPath(new URL('../../../src/discover/cf-api/page-parser.ts', import.meta.url)),
    ]);

    assert.equal(stdout, 'too-large\n');
  });
});

/** A page of 20 MB, whose objects need ten times as much. */
const PARSE_HUGE_PAGE = `
  const [start, one, end] = ['{"pagination":{"total_results":1},"resources":[', '{"a":{}},', '{}]}'];
  const bytes = new Uint8Array(20_000_000);
  bytes.set(Buffer.from(start));
  let at = start.length;
  const part = Buffer.from(one.repeat(1000));
  for (; at + part.length + end.length < bytes.length; at += part.length) bytes.set(part, at);
  bytes.set(Buffer.from(end), at);
  const page = [bytes.slice(0, at + end.length)];
  import(process.argv[1])
    .then(({ parsePage }) => parsePage(page, 'apps', new AbortController().signal))
    .then(
      () => console.log('parsed'),
      ({ fault }) => console.log(fault),
    );
`;
