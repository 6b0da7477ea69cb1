import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ESCAPINGS } from '../../src/exposition/escape.ts';
import type { FormatName } from '../../src/exposition/grammar.ts';
import { InsertedLabels } from '../../src/merge/labels.ts';
import { type AddedSamples, Merge } from '../../src/merge/merge.ts';
import { INSTANCE_LABELS, type LabelConflict } from '../../src/merge/relabel.ts';
import { GivenUpError } from '../../src/merge/settled.ts';
import { appPages, mixedPages, pageLines } from '../support/arbitrary-pages.ts';
import { type InputPage, instanceLabels, type Merged, mergePages } from '../support/merged.ts';
import { seriesOf } from '../support/text-series.ts';

const conflict = fc.constantFrom<LabelConflict>('exported', 'drop', 'honor');
const mixedOptions = fc.record({
  labelConflict: conflict,
  escaping: fc.record({
    text: fc.constantFrom(...ESCAPINGS),
    openmetrics: fc.constantFrom(...ESCAPINGS),
  }),
  preferOpenMetrics: fc.boolean(),
  exportJob: fc.boolean(),
});

describe('Merge', () => {
  it('gives the same bytes of whatever formats and names, learnt or not, in any order', async () => {
    const orders = mixedPages.chain((pages) =>
      fc.record({
        pages: fc.constant(pages),
        order: fc.shuffledSubarray([...pages.keys()], { minLength: pages.length }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(orders, mixedOptions, async ({ pages, order }, options) => {
        const learnt = await mergePages(pages, options);
        const walked = await mergePages(pages, { ...options, scan: false });
        const asTheyCome = await mergePages(pages, options, { order });

        assert.deepEqual(summaryOf(walked), summaryOf(learnt));
        assert.deepEqual(summaryOf(asTheyCome), summaryOf(learnt));
      }),
      { numRuns: 500 },
    );
  });

  it('honours an empty label also in a page that is rewritten', async () => {
    const { page } = await mergePages(texts(['a{instance="",app_id="x"} 1']), {
      labelConflict: 'honor',
    });

    assert.match(page.toString(), /^a\{.*,instance="",exported_app_id="x"\} 1$/m);
    assert.doesNotMatch(page.toString(), /10\.0\.0\.0/);
  });

  it('gives the same bytes with and without the kernel', async () => {
    await fc.assert(
      fc.asyncProperty(appPages, conflict, async (pages, labelConflict) => {
        const learnt = await mergePages(texts(pages), { labelConflict });
        const walked = await mergePages(texts(pages), { labelConflict, scan: false });

        assert.equal(learnt.page.toString(), walked.page.toString());
        assert.equal(learnt.conflicts, walked.conflicts);
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same bytes in whatever order the pages arrive', async () => {
    const shuffled = appPages.chain((pages) =>
      fc.tuple(
        fc.constant(pages),
        fc.shuffledSubarray([...pages.keys()], { minLength: pages.length }),
      ),
    );
    await fc.assert(
      fc.asyncProperty(shuffled, async ([pages, order]) => {
        const inOrder = await mergePages(texts(pages));
        const asTheyCome = await mergePages(texts(pages), {}, { order });

        assert.equal(asTheyCome.page.toString(), inOrder.page.toString());
      }),
      { numRuns: 300 },
    );
  });

  it('gives the same bytes through chunks of any size, shorter than a line too', async () => {
    await fc.assert(
      fc.asyncProperty(appPages, fc.integer({ min: 1, max: 2000 }), async (pages, chunkBytes) => {
        const whole = await mergePages(texts(pages));
        const inPieces = await mergePages(texts(pages), {}, { chunkBytes });

        assert.equal(inPieces.page.toString(), whole.page.toString());
      }),
      { numRuns: 300 },
    );
  });

  it('holds the series of all pages, each with its labels, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(appPages, async (pages) => {
        const merged = await mergePages(texts(pages));

        const wanted = pages.flatMap((page, index) => labelled(page, index));
        assert.deepEqual(withoutTypes(seriesOf(merged.page.toString())), wanted.sort());
      }),
      { numRuns: 500 },
    );
  });

  it('prints a page that it would take itself, and each family once', async () => {
    await fc.assert(
      fc.asyncProperty(appPages, conflict, async (pages, labelConflict) => {
        const merged = await mergePages(texts(pages), { labelConflict });

        const again = await mergePages([{ bytes: merged.page, format: 'text', labels: [] }], {
          labelConflict: 'honor',
        });
        assert.deepEqual(again.refused, []);
        assert.equal(
          seriesOf(again.page.toString()).length,
          seriesOf(merged.page.toString()).length,
        );
        const types = merged.page.toString().match(/^# TYPE \S+/gm) ?? [];
        assert.equal(new Set(types).size, types.length);
        assertTogether(merged.page.toString());
      }),
      { numRuns: 500 },
    );
  });

  it('loses an invalid page whole and no byte of another', async () => {
    const hostile = fc.constantFrom(
      'a',
      'a{',
      'a 1 2 3',
      'a{x="1",x="2"} 1',
      '{} 1',
      'a\u0000',
      'a 0x1',
    );
    await fc.assert(
      fc.asyncProperty(appPages, pageLines, hostile, fc.nat(25), async (pages, lines, line, at) => {
        const bad = lines.toSpliced(at, 0, line).join('\n');
        const alone = await mergePages(texts(pages));
        const beside = await mergePages(texts([...pages, bad]));

        assert.deepEqual(beside.refused, [pages.length]);
        assert.equal(beside.page.toString(), alone.page.toString());
      }),
      { numRuns: 300 },
    );
  });

  it('keeps guids and names of org, space and app from the app in every mode', async () => {
    const forged = INSTANCE_LABELS.map((name) => `${name}="forged"`).join(',');
    for (const labelConflict of ['exported', 'drop', 'honor'] as const) {
      const { page } = await mergePages(texts([`a{${forged}} 1`]), { labelConflict });

      for (const [name, value] of instanceLabels(0).slice(0, 6)) {
        assert.match(page.toString(), new RegExp(`[{,]${name}="${value}"`));
        assert.doesNotMatch(page.toString(), new RegExp(`[{,]${name}="forged"`));
      }
    }
  });

  it('prefixes a renamed label again when the name is taken', async () => {
    const { page } = await mergePages(
      texts(['a{instance="1",exported_instance="2",exported_exported_instance="3"} 1']),
    );

    assert.match(page.toString(), /exported_exported_exported_instance="1"/);
  });

  it('declares all names concerned untyped, whichever page comes first', async () => {
    const pages = [
      '# TYPE h gauge\nh 1\n',
      '# TYPE h histogram\nh_sum 2\nh_bucket{le="+Inf"} 3\n',
      '# TYPE h_sum gauge\nh_sum 4\n',
    ];
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ]) {
      const merged = await mergePages(texts(order.map((at) => pages[at]!)));

      const types = merged.page.toString().match(/^# TYPE .*/gm) ?? [];
      assert.deepEqual(types.sort(), [
        '# TYPE h untyped',
        '# TYPE h_bucket untyped',
        '# TYPE h_sum untyped',
      ]);
      assert.equal(merged.conflicts, 2);
    }
  });

  it('lets others have their turn, whatever a page is full of', async () => {
    const lines = 240_000;
    const conflict = '# TYPE a gauge\n# TYPE a counter\n';
    const full: readonly [page: string, format: InputPage['format'], leastPauses: number][] = [
      ['#\n'.repeat(lines), 'text', 1],
      ['a 1\nb 1\n'.repeat(lines / 2), 'text', 3],
      [`${'# TYPE a gauge\n'.repeat(lines)}a{job="x"} 1\n`, 'text', 13],
      [`${'# TYPE a gauge\n'.repeat(lines)}# EOF\n`, 'openmetrics', 13],
      ['a{job="x"} 1\n'.repeat(lines), 'text', 9],
      ['a{job="x",exported_job=""} 1\n'.repeat(lines / 4), 'text', 30],
      [`a{job="x",${labelsOf(2_000)}} 1\n`.repeat(40), 'text', 2],
      [`a{job="x",exported_job="",${labelsOf(2_000)}} 1\n`.repeat(40), 'text', 15],
      [`${conflict}${'a 1\n'.repeat(lines / 4)}`, 'text', 11],
    ];
    for (const [text, format, leastPauses] of full) {
      let pauses = 0;
      const pause = async (): Promise<void> => {
        pauses += 1;
      };

      await mergePages([{ bytes: Buffer.from(text), format }], { pause });

      assert.ok(pauses >= leastPauses, `${pauses} pauses in ${text.slice(0, 40)}`);
    }
  });

  it('lets others have their turn among the families of a page, and of a page that has to go', async () => {
    const gauges = (name: string): InputPage => {
      const family = (_: unknown, n: number) => `# TYPE ${name}${n} gauge\n${name}${n} 1\n`;
      return {
        bytes: Buffer.from(Array.from({ length: 40_000 }, family).join('')),
        format: 'text',
      };
    };
    let pauses = 0;
    const pause = async (): Promise<void> => {
      pauses += 1;
    };
    const indexing = await pausesOf([gauges('a')], 1_000_000);
    const shared = await pausesOf([gauges('a'), gauges('b')], 60_000);

    assert.ok(indexing >= 100, `${indexing} pauses in 40,000 families`);
    assert.ok(shared >= indexing + 50, `${shared} pauses where 40,000 of 80,000 are too many`);

    async function pausesOf(pages: readonly InputPage[], maxFamilies: number): Promise<number> {
      pauses = 0;
      await mergePages(pages, { pause, maxFamilies, pages: pages.length });
      return pauses;
    }
  });

  it('refuses a line with more labels than any program has', async () => {
    const pages = [`a{${labelsOf(6_000)}} 1`, `a{${labelsOf(7_000)}} 1`];

    assert.deepEqual((await mergePages(texts(pages))).refused, [1]);
  });

  it('gives up pages whose turn comes too late, and keeps those that were in', async () => {
    let late = false;
    const merge = new Merge({
      ...{ labelConflict: 'exported', exportJob: true, preferOpenMetrics: true },
      escaping: { text: 'underscores', openmetrics: 'underscores' },
      givesUp: () => late,
    });
    const add = (place: number, text: string, format: FormatName): Promise<AddedSamples> =>
      merge.add({
        ...{ place, of: 'instance', bytes: Buffer.from(text), format },
        labels: new InsertedLabels([['instance', String(place)]]),
      });
    const long = 'foo 1\n'.repeat(100_000); // more than one slice

    await add(0, 'a 1\n', 'text');
    await add(1, 'a 2\n# EOF\n', 'openmetrics');
    const begun = assert.rejects(add(2, long, 'text'), GivenUpError);
    const waiting = assert.rejects(add(3, 'a 4\n', 'text'), GivenUpError);
    late = true;
    await Promise.all([begun, waiting]);
    const { format, takenOut } = await merge.settle();
    const { sources } = await merge.plan(format);

    assert.equal(format, 'text');
    assert.deepEqual(
      takenOut.map(({ place, error }) => [place, error.name]),
      [[1, 'GivenUpError']],
    );
    assert.equal(sources.length, 1);
  });

  it('takes an empty page of text, which leaves the format to the others, and none of OpenMetrics', async () => {
    const empty = { bytes: Buffer.alloc(0) };
    const pages: InputPage[] = [
      { ...empty, format: 'text' },
      { bytes: Buffer.from('a 1\n# EOF\n'), format: 'openmetrics' },
      { ...empty, format: 'openmetrics' },
    ];

    const merged = await mergePages(pages, { preferOpenMetrics: true });

    assert.equal(merged.format, 'openmetrics');
    assert.deepEqual(merged.refused, [2]);
  });

  it('tells what it holds for a page besides its bytes', async () => {
    const lines = 'a{job="mine"} 1\n'.repeat(1000);
    const held = async (text: string): Promise<number> => {
      const merge = new Merge({
        ...{ labelConflict: 'exported', exportJob: true, preferOpenMetrics: false },
        escaping: { text: 'underscores', openmetrics: 'underscores' },
      });
      const labels = new InsertedLabels([]);
      const bytes = Buffer.from(text);
      const page = { place: 0, of: 'instance', bytes, format: 'text', labels } as const;
      return (await merge.add(page)).heldBytes;
    };

    const plain = await held(lines.replaceAll('job', 'bob'));
    const renamed = await held(lines);
    const rewritten = await held(lines.replaceAll('{', '{exported_job="",'));

    assert.ok(plain >= 4 * 1000, `${plain} bytes`);
    assert.ok(renamed >= plain + 8 * 1000, `${renamed} bytes`);
    assert.ok(rewritten >= plain + lines.length, `${rewritten} bytes`);
  });

  it('refuses a page with more families than any program has', async () => {
    const many = Array.from({ length: 110_000 }, (_, n) => `m${n} 1`).join('\n');
    const alike = Array.from({ length: 300_000 }, (_, n) => `m${n % 2} 1`).join('\n');

    assert.deepEqual((await mergePages(texts([many, 'a 1', alike]))).refused, [0, 2]);
  });

  it('turns OpenMetrics into text beside text, without the timestamps that text cannot say', async () => {
    const pages: InputPage[] = [
      { bytes: Buffer.from('a -1 -1.5\n# EOF\n'), format: 'openmetrics' },
      { bytes: Buffer.from('a 2 1.5\n# EOF\n'), format: 'openmetrics' },
      { bytes: Buffer.from('a 3\n'), format: 'text' },
    ];

    const merged = await mergePages(pages, { preferOpenMetrics: true });

    assert.equal(merged.format, 'text');
    assert.deepEqual(merged.refused, []);
    assert.equal(merged.undated, 1);
    assert.match(merged.page.toString(), / -1\n.* 2 1500\n.* 3\n$/s);
  });
});

function summaryOf({ page, ...rest }: Merged) {
  return { ...rest, page: page.toString() };
}

function labelsOf(count: number): string {
  return Array.from({ length: count }, (_, n) => `l${n}="1"`).join(',');
}

function texts(pages: readonly string[]): InputPage[] {
  return pages.map((page) => ({ bytes: Buffer.from(page), format: 'text' }));
}

/** What Prometheus would store of a page with `honor_labels: false`, job renamed too. */
function labelled(page: string, index: number): string[] {
  const own = new Map(instanceLabels(index));
  return withoutTypes(seriesOf(page)).map((series) => {
    const [, name, labels, rest] = /^([^{]+)\{(.*)\} ([^}]*)$/s.exec(series)!;
    const pairs = [...labels!.matchAll(/([a-z_]+)=("(?:[^"\\]|\\.)*")/gs)];
    const present = pairs.map(([, label]) => label!);
    const kept = pairs.map(([, label, value]) => `${exported(label!, own, present)}=${value}`);
    const inserted = [...own].map(([label, value]) => `${label}="${value}"`);
    return `${name}{${[...kept, ...inserted].sort().join(',')}} ${rest}`;
  });
}

function exported(label: string, own: ReadonlyMap<string, string>, present: string[]): string {
  if (!own.has(label) && label !== 'job') return label;
  let name = `exported_${label}`;
  while (present.includes(name)) name = `exported_${name}`;
  return name;
}

function withoutTypes(series: string[]): string[] {
  return series.filter((line) => !line.startsWith('#'));
}

/** All samples of a name stand in one block. */
function assertTogether(page: string): void {
  const seen = new Set<string>();
  for (const block of page.split(/^# TYPE .*\n/m).slice(1)) {
    const samples = block.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const names = new Set(samples.map((line) => /^[a-z_]+/.exec(line)![0]));
    for (const name of names) assert.ok(!seen.has(name), `${name} stands in two blocks`);
    for (const name of names) seen.add(name);
  }
}
