/** The pages of the generator are what their traits say: benchmarks and other tests build on it. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { expositionPage, type PageShape, type PageTraits } from './exposition-pages.ts';
import { mergePages } from './merged.ts';

const SIZE = 60_000;

/** Name and labels of each sample, in the order of the page. */
function seriesIn(page: Buffer): string[] {
  const lines = page.toString().split('\n');
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.replace(/ # .*/, '').replace(/ [^ ]+$/, ''));
}

function familiesIn(page: Buffer): string[] {
  return Array.from(page.toString().matchAll(/^# TYPE (\S+)/gm), ([, name]) => name ?? '');
}

function pageOf(seed: number, traits: PageTraits = {}, more: Partial<PageShape> = {}): Buffer {
  return expositionPage({ sizeBytes: SIZE, seed, traits, ...more });
}

/** The share of the series of `one` that `other` has too. */
function sharedBy(one: Buffer, other: Buffer): number {
  const others = new Set(seriesIn(other));
  const own = seriesIn(one);
  return own.filter((series) => others.has(series)).length / own.length;
}

const anyTraits: fc.Arbitrary<PageTraits> = fc.record(
  {
    families: fc.constantFrom('service', 'gauges'),
    drift: fc.constantFrom(0, 0.1, 0.5, 1),
    order: fc.constantFrom('listed', 'random'),
    shared: fc.constantFrom(0, 1 / 3, 1),
    ownLabels: fc.constantFrom('none', 'conflicting', 'harmless'),
    format: fc.constantFrom('text', 'openmetrics'),
    names: fc.constantFrom('server', 'client'),
  },
  { requiredKeys: [] },
);
const anyShape: fc.Arbitrary<PageShape & { readonly traits: PageTraits }> = fc.record({
  sizeBytes: fc.integer({ min: 0, max: 20_000 }),
  seed: fc.nat(5_000),
  scrape: fc.nat(5),
  traits: anyTraits,
});

describe('the pages of simulated apps', () => {
  it('are the same bytes for the same shape, in the same process and in every run', () => {
    fc.assert(
      fc.property(anyShape, (shape) => {
        assert.deepEqual(expositionPage(shape), expositionPage(structuredClone(shape)));
      }),
    );
    const traits: PageTraits = {
      drift: 0.5,
      order: 'random',
      shared: 0.5,
      ownLabels: 'conflicting',
    };

    assert.equal(
      expositionPage({ sizeBytes: 400, seed: 7, scrape: 1, traits }).toString(),
      `# HELP pool1_process_resident_memory_bytes Resident memory size in bytes.
# TYPE pool1_process_resident_memory_bytes gauge
pool1_process_resident_memory_bytes{instance="db-1.internal:9187",job="pgbounce"} 3275.685
# HELP pool0_process_cpu_user_seconds_total Total user CPU time spent in seconds.
# TYPE pool0_process_cpu_user_seconds_total counter
pool0_process_cpu_user_seconds_total{instance="db-0.internal:9187",pool="ebb435",job="postgres"} 528820
`,
    );
  });

  it('are valid, and merge without conflicts and duplicates', async () => {
    await fc.assert(
      fc.asyncProperty(anyShape, async (shape) => {
        const { format = 'text' } = shape.traits;
        const others = [shape, { ...shape, seed: shape.seed + 1 }];
        const pages = others.map((one) => ({ bytes: expositionPage(one), format }));
        const merged = await mergePages(pages, { preferOpenMetrics: true });

        assert.deepEqual(merged.refused, []);
        assert.equal(merged.conflicts, 0);
        for (const { bytes } of pages) {
          const series = seriesIn(bytes);
          assert.equal(new Set(series).size, series.length);
          assert.equal(new Set(familiesIn(bytes)).size, familiesIn(bytes).length);
        }
        const samples = pages.flatMap(({ bytes }) => seriesIn(bytes));
        assert.equal(seriesIn(merged.page).length, samples.length);
      }),
      { numRuns: 60 },
    );
  });

  it('have the size that is asked for, give or take a family', () => {
    for (const traits of TRAITS) {
      const { length } = pageOf(1, traits);

      assert.ok(
        length > SIZE * 0.9 && length < SIZE * 1.25,
        `${JSON.stringify(traits)}: ${length}`,
      );
    }
  });

  it('differ in their values alone when they have no traits', () => {
    const [one, other, later] = [pageOf(1), pageOf(2), pageOf(1, {}, { scrape: 1 })];

    assert.deepEqual(seriesIn(one), seriesIn(other));
    assert.deepEqual(seriesIn(one), seriesIn(later));
    assert.notDeepEqual(one, other);
    assert.notDeepEqual(one, later);
  });

  it('drift: lack some series of the program and have others, the same in each scrape', () => {
    const program = pageOf(1);
    const [one, other] = [pageOf(1, { drift: 0.1 }), pageOf(2, { drift: 0.1 })];
    const missing = 1 - sharedBy(program, one);
    const added = 1 - sharedBy(one, program);

    assert.ok(missing > 0.01 && missing < 0.1, `${missing} of the series are missing`);
    assert.ok(added > 0.01 && added < 0.1, `${added} of the series are added`);
    assert.notDeepEqual(seriesIn(one), seriesIn(other));
    assert.deepEqual(seriesIn(one), seriesIn(pageOf(1, { drift: 0.1 }, { scrape: 3 })));
  });

  it('order: have the same series in another order, families in one piece', () => {
    const listed = pageOf(1);
    const [first, second] = [0, 1].map((scrape) => pageOf(1, { order: 'random' }, { scrape }));

    assert.deepEqual(seriesIn(first!).sort(), seriesIn(listed).sort());
    assert.deepEqual(seriesIn(second!).sort(), seriesIn(listed).sort());
    assert.notDeepEqual(seriesIn(first!), seriesIn(listed));
    assert.notDeepEqual(seriesIn(first!), seriesIn(second!));
    assert.deepEqual(familiesIn(first!).sort(), familiesIn(listed).sort());
  });

  it('shared: have that share of their lines in common', () => {
    const third = sharedBy(pageOf(1, { shared: 1 / 3 }), pageOf(2, { shared: 1 / 3 }));

    assert.ok(third > 0.25 && third < 0.42, `${third} of the series are shared`);
    assert.equal(sharedBy(pageOf(1, { shared: 0 }), pageOf(2, { shared: 0 })), 0);
    assert.deepEqual(
      seriesIn(pageOf(1, { shared: 0 })),
      seriesIn(pageOf(1, { shared: 0 }, { scrape: 1 })),
    );
  });

  it('own labels: carry labels that clash on every line, or as many bytes that do not', async () => {
    const [conflicting, harmless] = (['conflicting', 'harmless'] as const).map((ownLabels) =>
      pageOf(1, { ownLabels }),
    );
    const merged = await mergePages([{ bytes: conflicting!, format: 'text' }]);
    const exported = seriesIn(merged.page).filter(
      (series) => series.includes('exported_instance="db-') && series.includes('exported_job="'),
    );
    const { page } = await mergePages([{ bytes: harmless!, format: 'text' }]);

    assert.equal(exported.length, seriesIn(conflicting!).length);
    assert.equal(harmless!.length, conflicting!.length);
    assert.ok(!page.includes('exported_'));
  });

  it('format: speak OpenMetrics with exemplars, creation times and an end mark', async () => {
    const page = pageOf(1, { format: 'openmetrics' });
    const { page: text } = await mergePages([{ bytes: page, format: 'openmetrics' }]);

    assert.match(
      page.toString(),
      /_bucket\{[^}]*\} \d+ # \{trace_id="[0-9a-f]{16}"\} [\d.]+ [\d.]+\n/,
    );
    assert.match(page.toString(), /_created\{/);
    assert.ok(page.toString().endsWith('\n# EOF\n'));
    assert.ok(!text.includes('# EOF'));
    assert.ok(!text.includes('trace_id'));
  });

  it('names: have no family in common', () => {
    const [server, client] = [pageOf(1), pageOf(1, { names: 'client' })];
    const others = new Set(familiesIn(client));

    assert.equal(server.length, client.length);
    assert.deepEqual(
      familiesIn(server).filter((name) => others.has(name)),
      [],
    );
  });

  it('gauges: have one line in each family', () => {
    const page = pageOf(1, { families: 'gauges' });

    assert.equal(familiesIn(page).length, seriesIn(page).length);
  });
});

const TRAITS: readonly PageTraits[] = [
  {},
  { families: 'gauges' },
  { drift: 0.1 },
  { drift: 0.1, order: 'random' },
  { shared: 1 / 3 },
  { shared: 0 },
  { ownLabels: 'conflicting' },
  { format: 'openmetrics' },
];
