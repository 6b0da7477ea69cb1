import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type PageRuleSettings, pageRules } from '../../src/merge/page-rules.ts';
import { INSTANCE_LABELS } from '../../src/merge/relabel.ts';
import { appPages, mixedPages } from '../support/arbitrary-pages.ts';
import { type InputPage, type Merged, mergePages } from '../support/merged.ts';
import { seriesOf } from '../support/text-series.ts';

const PATTERNS = ['h*', '*_sum', '*_bucket', 'a', '?', 'q.x', 'q*', '*', 'long_*', 'nothing'];
const CONSTANTS = ['team', 'x', 'job', 'exported_instance', 'exported_job', 'app_id', '__name__'];

/** Rules with names and labels that pages of `arbitrary-pages.ts` have. */
const settings: fc.Arbitrary<PageRuleSettings> = fc.record({
  labels: fc.uniqueArray(
    fc.tuple(fc.constantFrom(...CONSTANTS), fc.constantFrom('', 'mine', '"\n\\', 'ü')),
    { maxLength: 3, selector: ([name]) => name },
  ),
  allow: fc.oneof(fc.constant([]), fc.subarray(PATTERNS)),
  deny: fc.subarray(PATTERNS, { maxLength: 2 }),
});
const conflict = fc.constantFrom('exported', 'drop', 'honor');

describe('the rules of pages', () => {
  it('give the same bytes learnt or not, in any order of arrival', async () => {
    const merges = fc
      .tuple(mixedPages, fc.array(settings, { minLength: 1, maxLength: 3 }), fc.boolean())
      .chain(([pages, rules, several]) =>
        fc.record({
          pages: fc.constant(ruled(pages, rules, several)),
          order: fc.shuffledSubarray([...pages.keys()], { minLength: pages.length }),
          labelConflict: conflict,
          preferOpenMetrics: fc.boolean(),
        }),
      );
    await fc.assert(
      fc.asyncProperty(merges, async ({ pages, order, ...options }) => {
        const learnt = await mergePages(pages, options);
        const walked = await mergePages(pages, { ...options, scan: false });
        const asTheyCome = await mergePages(pages, options, { order });

        assert.deepEqual(summaryOf(walked), summaryOf(learnt));
        assert.deepEqual(summaryOf(asTheyCome), summaryOf(learnt));
      }),
      { numRuns: 500 },
    );
  });

  it('keep the series whose names are wanted, and nothing of the others', async () => {
    await fc.assert(
      fc.asyncProperty(appPages, settings, async (pages, { allow, deny }) => {
        const rules = pageRules({ labels: [], allow, deny });
        const whole = samplesOf(await mergePages(texts(pages)));
        const merged = await mergePages(texts(pages).map((page) => ({ ...page, rules })));

        const wanted = whole.filter(
          (series) => rules.filter?.judge(/^[^{]*/.exec(series)![0]).passes ?? true,
        );
        assert.deepEqual(samplesOf(merged), wanted);
        assert.equal(merged.filtered, whole.length - wanted.length);
        assert.equal(merged.dropped, 0);
      }),
      { numRuns: 500 },
    );
  });

  it('give a page that could be merged again, whatever labels its lines and rules have', async () => {
    await fc.assert(
      fc.asyncProperty(appPages, settings, conflict, async (pages, given, labelConflict) => {
        const rules = pageRules(given);

        const merged = await mergePages(
          texts(pages).map((page) => ({ ...page, rules })),
          { labelConflict },
        );

        const again = [{ bytes: merged.page, format: 'text', labels: [] } as const];
        assert.deepEqual((await mergePages(again, { labelConflict: 'honor' })).refused, []);
        for (const series of samplesOf(merged)) {
          for (const [name, value] of rules.constants) {
            assert.ok(
              new RegExp(`[{,]${name}="`).test(series) && series.includes(escaped(value)),
              series,
            );
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('deny single samples of a histogram, and heads of families that have none left', async () => {
    const page = [
      '# HELP h Some help.\n# TYPE h histogram\n',
      'h_bucket{le="+Inf"} 1\nh_sum 2\nh_count 1\n# TYPE g gauge\ng 3\n',
    ].join('');
    const rules = pageRules({ labels: [], allow: [], deny: ['h_bucket', 'g'] });

    const merged = await mergePages([{ ...texts([page])[0]!, labels: [], rules }]);

    assert.equal(
      merged.page.toString(),
      '# HELP h Some help.\n# TYPE h histogram\nh_sum 2\nh_count 1\n',
    );
    assert.equal(merged.filtered, 2);
  });

  it('keep a denied family from contradicting another page', async () => {
    const [gauge, counter] = texts(['# TYPE a gauge\na 1\n', '# TYPE a counter\na 2\n']);
    const rules = pageRules({ labels: [], allow: [], deny: ['a'] });

    const merged = await mergePages([gauge!, { ...counter!, rules }]);

    assert.equal(merged.conflicts, 0);
    assert.match(merged.page.toString(), /^# TYPE a gauge$/m);
  });

  it("look at names as the page has them: OpenMetrics', and those in quotes", async () => {
    const rules = pageRules({ labels: [], allow: ['c_total', 'my.name'], deny: [] });
    const bytes = Buffer.from('# TYPE c counter\nc_total 1\nc_created 2\n{"my.name"} 3\n# EOF\n');

    const merged = await mergePages([{ bytes, format: 'openmetrics', labels: [], rules }]);

    assert.deepEqual(samplesOf(merged), ['c_total{} 1', 'my_name{} 3']);
  });

  it('count what speaks in the name of promgate apart from what is not wanted', async () => {
    const rules = pageRules({ labels: [], allow: ['a'], deny: [] });
    const page = { ...texts(['a 1\nb 2\npromgate_instance_up 1\n'])[0]!, rules };

    const { dropped, filtered } = await mergePages([page, page]);

    assert.deepEqual({ dropped, filtered }, { dropped: 2, filtered: 2 });
  });

  it('never let a page win over its constant labels', async () => {
    const rules = pageRules({ labels: [['team', 'blue']], allow: [], deny: [] });
    const page = { ...texts(['a{team="red"} 1'])[0]!, labels: [], rules };
    const merged = async (labelConflict: 'exported' | 'drop' | 'honor') =>
      samplesOf(await mergePages([page], { labelConflict }));

    assert.deepEqual(await merged('exported'), ['a{exported_team="red",team="blue"} 1']);
    assert.deepEqual(await merged('honor'), ['a{exported_team="red",team="blue"} 1']);
    assert.deepEqual(await merged('drop'), ['a{team="blue"} 1']);
  });

  it('rename a label past a constant one of the new name', async () => {
    const rules = pageRules({ labels: [['exported_instance', 'c']], allow: [], deny: [] });

    const merged = await mergePages([{ ...texts(['a{instance="x"} 1'])[0]!, rules }]);

    assert.match(merged.page.toString(), /,exported_instance="c",exported_exported_instance="x"\}/);
  });

  it('leave out labels that would speak for promgate, or cost others their page', () => {
    const forged = INSTANCE_LABELS.map((name) => [name, 'forged'] as const);
    const broken = ['__name__', '__x', '', '1a', 'a b', 'a"', 'ü'].map(
      (name) => [name, '1'] as const,
    );
    const good = [
      ['a', '1'],
      ['a', '2'],
      ['b', ''],
    ] as const;

    const rules = pageRules({ labels: [...forged, ...broken, ...good], allow: [], deny: [] });

    assert.deepEqual(rules.constants, [['a', '1']]);
  });

  it('take more constant labels than a word has bits', async () => {
    const labels = Array.from({ length: 70 }, (_, n) => [`c${n}`, `${n}`] as const);
    const rules = pageRules({ labels, allow: [], deny: [] });
    for (const [name, value] of labels) {
      const page = { ...texts([`a{${name}="own"} 1`])[0]!, rules };

      const merged = await mergePages([page], { labelConflict: 'honor' });

      const [series] = samplesOf(merged);
      assert.ok(series!.includes(`,${name}="${value}"`), series);
      assert.ok(series!.includes(`exported_${name}="own"`), series);
      assert.ok(series!.includes(',instance="'), series);
    }
  });
});

function summaryOf({ page, ...rest }: Merged) {
  return { ...rest, page: page.toString() };
}

function texts(pages: readonly string[]): InputPage[] {
  return pages.map((page) => ({ bytes: Buffer.from(page), format: 'text' }));
}

/** Rules in turn; all pages of one instance, or each of its own. */
function ruled(
  pages: readonly InputPage[],
  given: readonly PageRuleSettings[],
  several: boolean,
): InputPage[] {
  const rules = given.map(pageRules);
  return pages.map((page, at) => ({
    ...page,
    rules: rules[at % rules.length],
    instance: several ? at % 2 : undefined,
  }));
}

function samplesOf({ page }: Merged): string[] {
  return seriesOf(page.toString()).filter((line) => !line.startsWith('#'));
}

function escaped(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
