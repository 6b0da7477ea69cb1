import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Matcher } from '../../../src/promql/evaluate/storage.ts';
import { parseMetricSelector } from '../../../src/promql/parse.ts';
import { compileSets } from '../../../src/query/federated-storage.ts';
import { askedMatchers } from '../../../src/query/groups/asked-matchers.ts';
import type { MetricsRelabelRule } from '../../../src/query/groups/settings.ts';
import { finalLabels } from '../../../src/query/groups/shard.ts';

const NO_CHANGE = { metricsRelabel: [], injectMatchers: [] };

function asked(
  selector: string,
  labels: Readonly<Record<string, string>> = {},
  settings: Partial<{
    metricsRelabel: readonly MetricsRelabelRule[];
    injectMatchers: readonly Matcher[];
  }> = {},
): string | undefined {
  const matchers = askedMatchers(
    parseMetricSelector(selector),
    { ...NO_CHANGE, ...settings },
    labels,
  );
  return matchers?.map(({ name, op, value }) => `${name}${op}${value}`).join();
}

const name = fc.constantFrom('a', 'b', 'c');
const value = fc.constantFrom('', 'x', 'X', 'y', 'xy');
const labels = fc.dictionary(name, fc.constantFrom('x', 'X', 'y', 'xy', 'Xy'));
const rule = fc.record<MetricsRelabelRule>({
  action: fc.constantFrom('replace', 'lowercase', 'uppercase', 'labeldrop'),
  sourceLabel: name,
  targetLabel: name,
});
const matcher: fc.Arbitrary<Matcher> = fc.oneof(
  fc.record({ name, op: fc.constantFrom('=' as const, '!=' as const), value }),
  fc.record({
    name,
    op: fc.constantFrom('=~' as const, '!~' as const),
    value: fc.constantFrom('x|y', '.+', '.*', 'x.*', '[^A]', ''),
  }),
);

describe('the matchers that a shard is asked for', () => {
  it('leave out those that its labels fulfil, and skip it for those that they do not', () => {
    assert.equal(asked('up{dc="x",job="a"}', { dc: 'x' }), 'job=a,__name__=up');
    assert.equal(asked('up{dc=~"x|y"}', { dc: 'x' }), '__name__=up');
    assert.equal(asked('up{dc!="x"}', { dc: 'x' }), undefined);
    assert.equal(asked('up{dc="y"}', { dc: 'x' }), undefined);
  });

  it('name something, though nothing is left of the selector', () => {
    assert.equal(asked('{dc="x"}', { dc: 'x' }), '__name__=~.+');
    assert.equal(asked('{dc="x",job!="a"}', { dc: 'x' }), 'job!=a,__name__=~.+');
  });

  it('hold those that the group always adds', () => {
    const injectMatchers = parseMetricSelector('{cluster="A"}');
    assert.equal(asked('up', {}, { injectMatchers }), '__name__=up,cluster=A');
  });

  it('find every series whose final labels the selector finds', () => {
    const rules = fc.array(rule, { maxLength: 4 });
    fc.assert(
      fc.property(
        ...[labels, labels, rules, fc.array(matcher, { maxLength: 3 })],
        (own, added, metricsRelabel, matchers) => {
          const series = Object.entries({ __name__: 'up', ...own });
          const settings = { metricsRelabel, injectMatchers: [] };
          const final = finalLabels(series, added, settings);
          fc.pre(compileSets([matchers])(final));

          const sent = askedMatchers(matchers, settings, added);

          assert.ok(sent !== undefined && compileSets([sent])(series));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('skip a shard whose labels a rule drops, if the selector wants them', () => {
    const metricsRelabel = [{ action: 'labeldrop', sourceLabel: 'dc', targetLabel: '' }] as const;
    assert.equal(asked('up{dc="x"}', { dc: 'x' }, { metricsRelabel }), undefined);
    assert.equal(asked('up{dc=""}', { dc: 'x' }, { metricsRelabel }), '__name__=up');
  });
});
