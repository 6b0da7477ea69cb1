import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ESCAPINGS, printName, unquote } from '../../src/exposition/escape.ts';

describe('printName', () => {
  // The examples of Prometheus' documentation of escaping schemes, and names of its own tests.
  const cases: readonly [name: string, printed: Readonly<Record<string, string>>][] = [
    ['plain', { underscores: 'plain', dots: 'plain', values: 'plain', 'allow-utf-8': 'plain' }],
    [
      'http.status:sum',
      {
        underscores: 'http_status:sum',
        dots: 'http_dot_status:sum',
        values: 'U__http_2e_status:sum',
        'allow-utf-8': '"http.status:sum"',
      },
    ],
    [
      'label with 😱',
      {
        underscores: 'label_with__',
        dots: 'label__with____',
        values: 'U__label_20_with_20__1f631_',
        'allow-utf-8': '"label with 😱"',
      },
    ],
    ['0a', { underscores: '_a', dots: '__a', values: 'U___30_a', 'allow-utf-8': '"0a"' }],
    [
      'a.b_c',
      {
        underscores: 'a_b_c',
        dots: 'a_dot_b__c',
        values: 'U__a_2e_b__c',
        'allow-utf-8': '"a.b_c"',
      },
    ],
  ];
  for (const [name, printed] of cases) {
    it(`prints ${name} for every reader`, () => {
      for (const escaping of ESCAPINGS) {
        assert.equal(printName(name, 'metric', escaping), printed[escaping], escaping);
      }
    });
  }

  it('takes a colon in a metric name and not in a label name', () => {
    assert.equal(printName('a:b', 'metric', 'underscores'), 'a:b');
    assert.equal(printName('a:b', 'label', 'underscores'), 'a_b');
  });

  it('makes a legacy name of any text, and different names of different texts by values', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        for (const escaping of ['underscores', 'dots', 'values'] as const) {
          assert.match(printName(a, 'label', escaping), /^[a-zA-Z_][a-zA-Z0-9_]*$/);
        }
        const legacy = [a, b].some((name) => name.startsWith('U__'));
        if (a !== b && !legacy) {
          assert.notEqual(printName(a, 'label', 'values'), printName(b, 'label', 'values'));
        }
      }),
    );
  });

  it('prints quotes that read back as the same name', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (name) => {
        const printed = printName(`.${name}`, 'metric', 'allow-utf-8');

        assert.equal(unquote(printed.slice(1, -1)), `.${name}`);
      }),
    );
  });
});
