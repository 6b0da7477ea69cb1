import assert from 'node:assert/strict';
import fc from 'fast-check';
import { freshToken } from '../../broker/token.ts';
import { MetricPathError, parseMetricPath } from '../../src/fetch/metric-path.ts';

const TOKEN = freshToken();

describe('parseMetricPath', () => {
  const accepted: readonly [why: string, given: string | undefined, path: string][] = [
    ['none', undefined, '/metrics'],
    ['an empty one', '', '/metrics'],
    ['a blank one', '  ', '/metrics'],
    ['a path', '/my-metrics', '/my-metrics'],
    ['a path without its slash', 'my-metrics', '/my-metrics'],
    ['blanks around', '  /a ', '/a'],
    ['a query', '/probe?target=a&b=c%20d', '/probe?target=a&b=c%20d'],
    ['a query alone', '?a=b', '/?a=b'],
    ['slashes further on', '/a//b', '/a//b'],
    ['dots, which are not resolved', '/a/../../b/.', '/a/../../b/.'],
    ['percent escapes, which are not decoded', '/a%2f%2e%2e%00', '/a%2f%2e%2e%00'],
    ['what looks like a URL', 'http://evil.example/x', '/http://evil.example/x'],
    ['what looks like userinfo', '/@evil.example', '/@evil.example'],
    ['a blank within', '/my metrics', '/my%20metrics'],
    ['text beyond ASCII', '/größe/☃', '/gr%C3%B6%C3%9Fe/%E2%98%83'],
  ];
  for (const [why, given, path] of accepted) {
    it(`takes ${why}`, () => assert.equal(parseMetricPath(given), path));
  }

  const refused: readonly [why: string, given: string][] = [
    ['two slashes first', '//evil.example/metrics'],
    ['two slashes after blanks', ' \t//evil.example'],
    ['a backslash first', '\\\\evil.example'],
    ['a backslash after a slash', '/\\evil.example'],
    ['a backslash anywhere', '/a\\b'],
    ['a fragment', '/metrics#x'],
    ['a line feed', '/a\nX: y'],
    ['a carriage return at the end', '/a\r'],
    ['a tab', '/a\tb'],
    ['a NUL', '/a\0'],
    ['DEL', '/a\x7f'],
    ['a C1 control character', '/a\x85b'],
    ["a binding's token", `/x/${TOKEN}`],
    ["a binding's token in percent escapes", `/x?y=${TOKEN.replaceAll('_', '%255F')}`],
    ['half a surrogate pair', '/a\ud800'],
  ];
  for (const [why, given] of refused) {
    it(`refuses ${why}`, () => assert.throws(() => parseMetricPath(given), MetricPathError));
  }

  it('repeats no token', () => {
    assert.throws(() => parseMetricPath(`/${TOKEN}`), { message: /^(?!.*promgate_)/ });
  });

  it('says what was wrong with which path', () => {
    assert.throws(() => parseMetricPath('//x'), /metric_path "\/\/x" must not begin with \/\//);
  });

  it('gives a request target or an error, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        let path: string;
        try {
          path = parseMetricPath(text);
        } catch (error) {
          assert.ok(error instanceof MetricPathError);
          return;
        }
        assert.match(path, /^\/(?!\/)[\x21-\x7e]*$/);
        assert.doesNotMatch(path, /[\\#]/);
        assert.equal(new URL(`http://instance${path}`).host, 'instance');
      }),
      { numRuns: 1000 },
    );
  });
});
