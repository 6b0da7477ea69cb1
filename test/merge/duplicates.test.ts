import assert from 'node:assert/strict';
import fc from 'fast-check';
import { pageRules } from '../../src/merge/page-rules.ts';
import { appPages, mixedPages } from '../support/arbitrary-pages.ts';
import { type InputPage, mergePages } from '../support/merged.ts';
import { seriesOf } from '../support/text-series.ts';

const conflict = fc.constantFrom('exported', 'drop', 'honor');
const labels = fc.uniqueArray(
  fc.tuple(fc.constantFrom('x', 'y', 'le', 'team'), fc.constantFrom('1', 'mine', '+Inf', 'ü{}')),
  { maxLength: 2, selector: ([name]) => name },
);

describe('series of several pages of an instance', () => {
  const text = appPages.map((pages) => texts(pages));
  const pagesOf = fc
    .tuple(fc.oneof(text, mixedPages), fc.array(labels, { minLength: 1, maxLength: 3 }))
    .map(([pages, constants]) => {
      const rules = constants.map((own) => pageRules({ labels: own, allow: [], deny: [] }));
      return pages.map(
        (page, at): InputPage => ({ ...page, rules: rules[at % rules.length], instance: at % 2 }),
      );
    });

  it('are those of all pages together, of which the earlier ones win', async () => {
    await fc.assert(
      fc.asyncProperty(pagesOf, conflict, async (pages, labelConflict) => {
        const options = { labelConflict } as const;

        const merged = await mergePages(pages, options);

        const wanted: string[] = [];
        let all = 0;
        for (const instance of [0, 1]) {
          const earlier = new Set<string>();
          for (const page of pages.filter((one) => one.instance === instance)) {
            const own = samplesOf((await mergePages([page], options)).page);
            all += own.length;
            wanted.push(...own.filter((sample) => !earlier.has(seriesIn(sample))));
            for (const sample of own) earlier.add(seriesIn(sample));
          }
        }
        assert.deepEqual(samplesOf(merged.page), wanted.sort());
        assert.equal(merged.duplicates, all - wanted.length);
      }),
      { numRuns: 750 },
    );
  });

  it('may meet in labels of the one that are constant in the other', async () => {
    const rules = pageRules({ labels: [['team', 'blue']], allow: [], deny: [] });
    const [first, second] = texts(['a 1\n', 'a{team="blue"} 2\na{team="red"} 3\n']);

    const merged = await mergePages([
      { ...first!, rules, instance: 0, labels: [] },
      { ...second!, instance: 0, labels: [] },
    ]);

    assert.deepEqual(samplesOf(merged.page), ['a{team="blue"} 1', 'a{team="red"} 3']);
    assert.equal(merged.duplicates, 1);
  });

  it('are the same in whatever order, escapes, blanks, quotes and empty labels', async () => {
    const first = 'a{x="\\\\x",y="1"} 1\nb 2\n';
    const alike = [
      'a{y="1",x="\\x"} 9',
      'a{ y = "1", z="", x="\\\\x", } 9',
      '{"a",y="1",x="\\x"} 9',
    ];
    const other = ['a{x="\\\\\\\\x",y="1"} 9', 'a{x="\\\\x"} 9', 'b{x="1"} 9', 'bb 9'];
    const pages = texts([first, [...alike, 'b{} 9', 'b{z=""} 9', ...other, ''].join('\n')]);
    for (const escaping of ['underscores', 'allow-utf-8'] as const) {
      const merged = await mergePages(
        pages.map((page) => ({ ...page, instance: 0, labels: [] })),
        { escaping: { text: escaping, openmetrics: escaping } },
      );

      assert.equal(merged.duplicates, alike.length + 2);
      assert.equal(samplesOf(merged.page).length, 2 + other.length);
    }
  });

  it('keep their order: a histogram stays whole and in order', async () => {
    const histogram = (route: string): string =>
      ['1', '2', '+Inf'].map((le) => `h_bucket{route="${route}",le="${le}"} 1\n`).join('') +
      `h_sum{route="${route}"} 1\nh_count{route="${route}"} 1\n`;
    const head = '# TYPE h histogram\n';
    const pages = texts([
      head + histogram('/b'),
      head + ['/a', '/b', '/c'].map(histogram).join(''),
    ]);

    const merged = await mergePages(pages.map((page) => ({ ...page, instance: 0, labels: [] })));

    assert.equal(merged.page.toString(), head + ['/b', '/a', '/c'].map(histogram).join(''));
    assert.equal(merged.duplicates, 5);
  });

  it('are compared whatever families the pages say they are of, in types that contradict', async () => {
    const pages = texts([
      '# TYPE h histogram\nh_sum 1\nh_sum_count 1\n',
      '# TYPE h gauge\nh 2\n# TYPE h_sum summary\nh_sum 2\nh_sum_count 2\n',
    ]);

    for (const scan of [true, false]) {
      const merged = await mergePages(
        pages.map((page) => ({ ...page, instance: 0, labels: [] })),
        { scan },
      );

      assert.deepEqual(samplesOf(merged.page), ['h_sum_count{} 1', 'h_sum{} 1', 'h{} 2']);
      assert.ok(merged.conflicts > 0);
    }
  });

  it('stay where the pages are of different instances, or one page says them twice', async () => {
    const pages = texts(['a 1\na 2 1700000000000\n', 'a 3\n', 'a 4\n']);

    const merged = await mergePages([
      { ...pages[0]!, instance: 0 },
      { ...pages[1]!, instance: 1 },
      { ...pages[2]!, instance: 0 },
    ]);

    assert.equal(samplesOf(merged.page).length, 3);
    assert.equal(merged.duplicates, 1);
  });

  it('count only where the earlier page is in', async () => {
    const pages = texts(['a 1\nbroken\n', 'a 2\n']);

    const merged = await mergePages(pages.map((page) => ({ ...page, instance: 0 })));

    assert.deepEqual(merged.refused, [0]);
    assert.equal(samplesOf(merged.page).length, 1);
  });

  it('let others have their turn while they are compared', async () => {
    const page = Array.from({ length: 40_000 }, (_, n) => `a{x="${n}"} 1\n`).join('');
    const pausesOf = async (instance: number | undefined): Promise<number> => {
      let pauses = 0;
      const pause = async (): Promise<void> => {
        pauses += 1;
      };
      await mergePages(
        texts([page, page]).map((one) => ({ ...one, instance })),
        { pause },
      );
      return pauses;
    };

    assert.ok((await pausesOf(0)) >= (await pausesOf(undefined)) + 10);
  });

  it('take a page out, rather than double them, when nobody waits any more', async () => {
    const pages = texts(['a 1\nb 1\n', 'a 2\n']);
    let asked = 0;
    const givesUp = (): boolean => ++asked > pages.length; // once both are in

    const merged = await mergePages(
      pages.map((page) => ({ ...page, instance: 0 })),
      { givesUp },
    );

    assert.deepEqual(merged.refused, [1]);
    assert.equal(samplesOf(merged.page).length, 2);
  });
});

function texts(pages: readonly string[]): InputPage[] {
  return pages.map((page) => ({ bytes: Buffer.from(page), format: 'text' }));
}

function samplesOf(page: Buffer): string[] {
  return seriesOf(page.toString()).filter((line) => !line.startsWith('#'));
}

/** Name and labels. */
function seriesIn(sample: string): string {
  return sample.slice(0, sample.lastIndexOf('} ') + 1);
}
