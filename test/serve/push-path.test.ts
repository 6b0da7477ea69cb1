import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PushRefusal } from '../../src/push/refusal.ts';
import { decodeBase64, goQuote, unescapeName } from '../../src/serve/push-names.ts';
import { groupingKey, pathLabels, readPushPath } from '../../src/serve/push-path.ts';

const OPTIONS = { utf8Names: false };
const name = fc
  .stringMatching(/^[a-zA-Z][a-zA-Z0-9_]{0,8}$/)
  .filter((one) => !['job', 'le', 'quantile'].includes(one));
const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((one) => one.isWellFormed());

describe('the paths of pushes', () => {
  it('hold whatever labels a client writes in base64', () => {
    const encode = (value: string): string => {
      const encoded = Buffer.from(value).toString('base64url');
      return encoded === '' ? '=' : encoded;
    };
    fc.assert(
      fc.property(
        text.filter((one) => one !== ''),
        fc.dictionary(name, text),
        (job, labels) => {
          const pairs = Object.entries(labels);
          const rest = pairs.map(([label, value]) => `/${label}@base64/${encode(value)}`).join('');

          const read = groupingKey(readPushPath(`/job@base64/${encode(job)}${rest}`), OPTIONS);

          assert.deepEqual(Object.fromEntries(read), { ...labels, job });
        },
      ),
    );
  });

  it('hold percent-encoded values, which must not have a slash', () => {
    const value = text.map((one) => one.replaceAll('/', '')).filter((one) => one !== '');
    fc.assert(
      fc.property(name, value, (label, own) => {
        const path = readPushPath(`/${encodeURIComponent(label)}/${encodeURIComponent(own)}`);

        assert.deepEqual(pathLabels(path, OPTIONS), [[label, own]]);
      }),
    );
  });

  it('are read or refused, whatever they are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.boolean(), (rest, utf8Names) => {
        try {
          const path = readPushPath(`/${rest}`);
          if (path.kind === 'group') groupingKey(path, { utf8Names });
          else pathLabels(path, { utf8Names });
        } catch (error) {
          assert.ok(error instanceof PushRefusal);
          assert.equal(error.code, 'bad_path');
        }
      }),
    );
  });
});

describe('decodeBase64', () => {
  it('tells as Go does where the text is wrong, and what was decoded before', () => {
    const cases: [string, string, number][] = [
      ['YWJjYWJj$A', 'abcabc', 8],
      ['YWJjA', 'abc', 4],
      ['é', '', 0],
      ['YWé', '', 2],
      ['YW=JjA', '', 2],
    ];
    for (const [encoded, decoded, byte] of cases) {
      const problem = `illegal base64 data at input byte ${byte}`;
      assert.deepEqual(decodeBase64(encoded), { text: decoded, problem }, encoded);
    }
  });
});

describe('unescapeName', () => {
  it('leaves names with invalid escapes as they are', () => {
    const cases: [string, string][] = [
      ['plain', 'plain'],
      ['U__foo_2e_bar', 'foo.bar'],
      ['U__a__b', 'a_b'],
      ['U___1f600_', '😀'],
      ['U__a_', 'U__a_'],
      ['U__a_2e', 'U__a_2e'],
      ['U__a_zz_', 'U__a_zz_'],
      ['U__a_d800_', 'U__a_d800_'],
      ['U__a_110000_', 'U__a_110000_'],
      ['U__', ''],
    ];
    for (const [escaped, plain] of cases) assert.equal(unescapeName(escaped), plain, escaped);
  });
});

describe('goQuote', () => {
  it('escapes as Go does', () => {
    assert.equal(goQuote('a"b\\c\nd\te\x00f\x7fg'), '"a\\"b\\\\c\\nd\\te\\x00f\\x7fg"');
    assert.equal(goQuote('é\u2028\u00a0\u{e0001}😀'), '"é\\u2028\\u00a0\\U000e0001😀"');
  });
});
