import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compareTexts } from '../../../src/promql/evaluate/labels.ts';
import { joinMetadata } from '../../../src/query/answers/metadata.ts';
import { joinLabelNames, joinLabelValues, joinSeries } from '../../../src/query/answers/series.ts';
import { AnswerShapeError } from '../../../src/query/answers/shape.ts';
import { sortInSteps } from '../../../src/query/answers/sort.ts';
import type { GroupAnswer } from '../../../src/query/federation.ts';

function whole<T>(steps: Generator<void, T, void>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

const answer = (data: unknown, labels: Record<string, string> = {}): GroupAnswer => ({
  ...{ group: 'g', labels, data, warnings: [], infos: [] },
});
const name = fc.constantFrom('__name__', 'a', 'b', 'é', '__proto__', 'constructor', '\u{1f600}');
const value = fc.constantFrom('x', 'y', 'é', '\u{1f600}', '\ufffd', '1');
const labels = fc.dictionary(name, value, { maxKeys: 4, noNullPrototype: true });

describe('joinSeries', () => {
  it('has each series of all groups once, in the order of labels', () => {
    fc.assert(
      fc.property(fc.array(fc.array(labels, { maxLength: 8 }), { maxLength: 4 }), (groups) => {
        const found = whole(joinSeries(groups.map((data) => answer(data))));

        const pairs = (one: object) =>
          Object.entries(one as Record<string, string>).sort(([a], [b]) => compareTexts(a, b));
        const all = groups.flat().map((one) => JSON.stringify(pairs(one)));
        const joined = found.map((text) => JSON.stringify(Object.entries(JSON.parse(text))));
        assert.deepEqual([...joined].sort(), [...new Set(all)].sort());
        const flat = found.map((text) => Object.entries<string>(JSON.parse(text)).flat());
        for (const [at, one] of flat.entries()) {
          const before = flat[at - 1];
          if (before === undefined) continue;
          const place = one.findIndex((text, index) => text !== before[index]);
          if (place < 0) assert.ok(before.length < one.length);
          else assert.ok(place >= before.length || compareTexts(before[place]!, one[place]!) < 0);
        }
      }),
    );
  });

  it('gives series the labels of their group, which win, and leaves empty ones out', () => {
    const found = whole(joinSeries([answer([{ a: 'x', b: 'y' }], { a: 'own', b: '', c: 'z' })]));

    assert.deepEqual(found, ['{"a":"own","c":"z"}']);
  });

  it('refuses what no Prometheus gives', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (data) => {
        try {
          whole(joinSeries([answer(data)]));
          whole(joinLabelNames([answer(data)]));
          whole(joinLabelValues('a', [answer(data)], [answer(data)]));
        } catch (error) {
          assert.ok(error instanceof AnswerShapeError, String(error));
        }
      }),
    );
  });
});

describe('sortInSteps', () => {
  it('sorts as sort does, and keeps the order of equal items', () => {
    const item = fc.record({ key: fc.nat(50), at: fc.nat() });
    fc.assert(
      fc.property(fc.array(item, { maxLength: 5_000 }), (items) => {
        const byKey = (a: { key: number }, b: { key: number }) => a.key - b.key;

        assert.deepEqual(whole(sortInSteps(items, byKey)), [...items].sort(byKey));
      }),
      { numRuns: 30 },
    );
  });

  it('does a bounded part of the work in each step', () => {
    let compared = 0;
    let most = 0;
    const items = Array.from({ length: 20_000 }, (_, at) => (at * 7_919) % 20_000);
    const steps = sortInSteps(items, (a, b) => {
      compared += 1;
      return a - b;
    });
    for (let step = steps.next(); step.done !== true; step = steps.next()) {
      most = Math.max(most, compared);
      compared = 0;
    }

    assert.ok(most < 20_000, `${most} comparisons in one step`);
  });
});

describe('the joins of long answers', () => {
  const texts = Array.from({ length: 50_000 }, (_, at) => `l${at}`);
  const stepsOf = (steps: Generator<void, unknown, void>): number => {
    let count = 0;
    while (steps.next().done !== true) count += 1;
    return count;
  };
  const sortSteps = stepsOf(sortInSteps(texts, compareTexts));

  it('let other work run while they take names, values and metadata in', () => {
    const metadata = Object.fromEntries(texts.map((one) => [one, [{ type: 'gauge' }]]));

    assert.ok(stepsOf(joinLabelNames([answer(texts)])) >= sortSteps + 49);
    assert.ok(stepsOf(joinLabelValues('a', [answer(texts)], [])) >= sortSteps + 49);
    const joined = joinMetadata([answer(metadata)], { limit: 0, perMetric: 0 });
    assert.ok(stepsOf(joined) >= sortSteps + 49);
  });
});
