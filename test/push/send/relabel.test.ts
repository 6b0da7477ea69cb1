import assert from 'node:assert/strict';
import { compileRelabel, type RelabelRule } from '../../../src/push/send/relabel.ts';

const DEFAULTS: RelabelRule = {
  ...{ action: 'replace', sourceLabels: [], separator: ';', regex: '(.*)' },
  ...{ targetLabel: '', replacement: '$1', modulus: 0 },
};

type Labels = Readonly<Record<string, string>>;

/** @returns undefined for a series that is dropped */
function relabel(labels: Labels, ...rules: readonly Partial<RelabelRule>[]): Labels | undefined {
  const compiled = compileRelabel(rules.map((rule) => ({ ...DEFAULTS, ...rule })));
  const found = compiled(Object.entries(labels));
  return found && Object.fromEntries(found);
}

describe('relabelling', () => {
  it('replaces by groups of the joined values', () => {
    const rule = { sourceLabels: ['a', 'b'], regex: '(f.*);(?P<end>b.*)', targetLabel: 'c' };
    const labels = { a: 'foo', b: 'bar' };

    assert.deepEqual(relabel(labels, { ...rule, replacement: `\${end}-$1-$$1$0` }), {
      ...labels,
      c: 'bar-foo-$1foo;bar',
    });
  });

  it('takes a name as long as it goes, as Go does', () => {
    const rule = { sourceLabels: ['a'], regex: '(.*)', targetLabel: 'c', replacement: 'x$1y$2' };

    assert.deepEqual(relabel({ a: 'foo' }, rule), { a: 'foo', c: 'x' });
  });

  it('changes nothing where the regular expression does not match as a whole', () => {
    const rule = { sourceLabels: ['a'], regex: 'o', targetLabel: 'a', replacement: 'b' };

    assert.deepEqual(relabel({ a: 'foo' }, rule), { a: 'foo' });
  });

  it('removes a label that becomes empty', () => {
    assert.deepEqual(relabel({ a: 'foo', b: 'c' }, { targetLabel: 'a', replacement: '' }), {
      b: 'c',
    });
  });

  it('sets a label that has no source', () => {
    assert.deepEqual(relabel({}, { targetLabel: 'cluster', replacement: 'eu-1' }), {
      cluster: 'eu-1',
    });
  });

  it('makes the name of the label from groups, and leaves out a name that is none', () => {
    const rule = {
      sourceLabels: ['a'],
      regex: '(.*)-(.*)',
      targetLabel: `\${1}`,
      replacement: '$2',
    };

    assert.deepEqual(relabel({ a: 'x-1' }, rule), { a: 'x-1', x: '1' });
    assert.deepEqual(relabel({ a: '9-1' }, rule), { a: '9-1' });
  });

  it('lets a dot match a line feed', () => {
    assert.deepEqual(
      relabel({ a: 'x\ny' }, { action: 'drop', sourceLabels: ['a'], regex: 'x.y' }),
      undefined,
    );
  });

  it('keeps and drops', () => {
    const rule = { sourceLabels: ['a'], regex: 'foo|bar' };

    assert.deepEqual(relabel({ a: 'foo' }, { ...rule, action: 'keep' }), { a: 'foo' });
    assert.equal(relabel({ a: 'foot' }, { ...rule, action: 'keep' }), undefined);
    assert.equal(relabel({ a: 'bar' }, { ...rule, action: 'drop' }), undefined);
    assert.deepEqual(relabel({ a: 'bars' }, { ...rule, action: 'drop' }), { a: 'bars' });
  });

  it('takes a label that is not there for an empty one', () => {
    assert.equal(relabel({}, { action: 'drop', sourceLabels: ['a'], regex: '' }), undefined);
    assert.deepEqual(relabel({}, { action: 'keep', sourceLabels: ['a', 'b'], regex: ';' }), {});
  });

  it('compares labels', () => {
    const keep = { action: 'keepequal', sourceLabels: ['a'], targetLabel: 'b' } as const;
    const drop = { ...keep, action: 'dropequal' } as const;

    assert.deepEqual(relabel({ a: 'x', b: 'x' }, keep), { a: 'x', b: 'x' });
    assert.equal(relabel({ a: 'x', b: 'y' }, keep), undefined);
    assert.equal(relabel({ a: 'x', b: 'x' }, drop), undefined);
    assert.deepEqual(relabel({ a: 'x' }, drop), { a: 'x' });
  });

  it('changes the case', () => {
    const rule = { sourceLabels: ['a'], targetLabel: 'b' };

    assert.deepEqual(relabel({ a: 'Ab' }, { ...rule, action: 'lowercase' }), { a: 'Ab', b: 'ab' });
    assert.deepEqual(relabel({ a: 'Ab' }, { ...rule, action: 'uppercase' }), { a: 'Ab', b: 'AB' });
  });

  it('gives the share of a hash that Prometheus gives', () => {
    const rule = { action: 'hashmod', targetLabel: 'd', modulus: 1000 } as const;

    assert.equal(relabel({ c: 'baz' }, { ...rule, sourceLabels: ['c'] })?.['d'], '976');
    assert.equal(relabel({ a: 'foo\nbar' }, { ...rule, sourceLabels: ['a'] })?.['d'], '734');
  });

  it('copies labels to other names', () => {
    const rule = { action: 'labelmap', regex: 'meta_(.+)', replacement: 'x_$1' } as const;

    assert.deepEqual(relabel({ meta_a: '1', b: '2' }, rule), { meta_a: '1', b: '2', x_a: '1' });
  });

  it('drops and keeps labels by their names', () => {
    const labels = { a: '1', ab: '2', b: '3' };

    assert.deepEqual(relabel(labels, { action: 'labeldrop', regex: 'a.*' }), { b: '3' });
    assert.deepEqual(relabel(labels, { action: 'labelkeep', regex: 'a' }), { a: '1' });
  });

  it('follows the rules in their order', () => {
    const rules: readonly Partial<RelabelRule>[] = [
      { sourceLabels: ['a'], targetLabel: 'b' },
      { action: 'labeldrop', regex: 'a' },
      { action: 'keep', sourceLabels: ['a', 'b'], regex: ';foo' },
    ];

    assert.deepEqual(relabel({ a: 'foo' }, ...rules), { b: 'foo' });
  });

  it('refuses what RE2 does not know', () => {
    assert.throws(() => relabel({}, { action: 'drop', regex: '(?=a)' }));
  });

  it('takes time in proportion to the text, whatever the regular expression', () => {
    const rule = { action: 'keep', sourceLabels: ['a'], regex: '(a*)*(a*)*b' } as const;

    assert.equal(relabel({ a: 'a'.repeat(2000) }, rule), undefined); // others need 2^2000 steps
  });
});
