import assert from 'node:assert/strict';
import fc from 'fast-check';
import { bindingSettings, createParameterCheck } from '../../broker/parameters.ts';
import { BINDING_PARAMETERS, type GivenParameters } from '../../broker/parameters-schema.ts';
import { Refusal } from '../../broker/refusal.ts';
import { freshToken } from '../../broker/token.ts';
import { withOwnHeaders } from '../../src/fetch/forward.ts';
import { parseMetricPath } from '../../src/fetch/metric-path.ts';
import { INSTANCE_LABELS } from '../../src/merge/relabel.ts';

const check = createParameterCheck({ maxTimeoutMs: 60_000, maxCacheMs: 3_600_000 });

/** Percent-encodes every character. */
function escaped(text: string): string {
  return text.replace(/./g, (one) => `%${one.charCodeAt(0).toString(16)}`);
}

function refusalOf(parameters: object): string {
  try {
    check.binding({ ...parameters });
  } catch (error) {
    if (error instanceof Refusal && error.status === 400) return error.message;
    throw error;
  }
  throw new Error(`${JSON.stringify(parameters)} was accepted`);
}

function accepts(parameters: GivenParameters): boolean {
  try {
    check.binding({ ...parameters });
    return true;
  } catch (error) {
    assert.ok(error instanceof Refusal);
    return false;
  }
}

const ACCEPTED: readonly GivenParameters[] = [
  {},
  { endpoint: '/' },
  { endpoint: '/my-metrics' },
  { endpoint: '/a//b/../c?d=e&f=%20' },
  { endpoint: '/mes métriques/😀' },
  { endpoint: `/${'x'.repeat(1023)}` },
  { endpoints: [{ path: '/a' }, { path: '/b', labels: { part: 'b' } }] },
  { headers: { Authorization: 'Bearer abc', 'X-Api-Key': '' } },
  { headers: { Accept: 'text/plain', Contents: 'x', Hosts: 'x', 'X-Content-Type': 'x' } },
  { timeout: '15s', cache: '0s' },
  { timeout: '1m', cache: '1h' },
  { timeout: '500ms' },
  { timeout: '59s500ms' },
  { allow: [], deny: ['go_*', 'a:b?c.d'] },
  { labels: { team: 'a "quoted" \\ name', _x: 'ü', jobs: 'x' } },
  { process: 'all' },
  { endpoint: '/a', port: 9090 },
  {
    endpoints: [
      { path: '/a', port: 1 },
      { path: '/a', port: 65_535 },
    ],
  },
];

const REFUSED: readonly (readonly [parameters: object, message: RegExp])[] = [
  [{ endpont: '/x' }, /^parameters must not have "endpont": allowed are endpoint, endpoints, /],
  [JSON.parse('{"__proto__":1}'), /must not have "__proto__"/],
  ...['', 'nosl', '//evil', '/a\\b', '/a#b', '/a\nb', '/a\x7f', '/a\x85', ` /a`].map(
    (endpoint): [object, RegExp] => [
      { endpoint },
      /^parameters\.endpoint must be a path that begins with one "\/", has no .+, not "/,
    ],
  ),
  [{ endpoint: `/${'x'.repeat(1024)}` }, /at most 1024 characters long, not "\/x+…"$/],
  [{ endpoint: `/x?y=${freshToken()}` }, /^parameters: a path must not hold a binding's token$/],
  [{ endpoints: [{ path: `/${freshToken()}` }] }, /must not hold a binding's token$/],
  [{ endpoint: `/x?y=${escaped(freshToken())}` }, /a path must not hold a binding's token$/],
  [{ endpoint: `/${escaped(escaped(freshToken()))}` }, /a path must not hold a binding's token$/],
  [{ headers: { 'X-A': `Bearer ${freshToken()}` } }, /a header must not hold a binding's token$/],
  [{ headers: { 'X-A': escaped(freshToken()) } }, /a header must not hold a binding's token$/],
  [{ headers: { [freshToken()]: '1' } }, /a header must not hold a binding's token$/],
  [
    { headers: { Authorization: `Basic ${Buffer.from(`u:${freshToken()}`).toString('base64')}` } },
    /a header must not hold a binding's token$/,
  ],
  ...[0, 65_536, 1.5, '8080', null].map((port): [object, RegExp] => [
    { port },
    /^parameters\.port must be a number from 1 to 65535, not /,
  ]),
  [{ endpoint: 7 }, /^parameters\.endpoint must be a path .+, not 7$/],
  [{ endpoint: ['/a'] }, /, not a list$/],
  [{ endpoints: [] }, /^parameters\.endpoints must be a list of 1 to 16 objects/],
  [{ endpoints: Array(17).fill({ path: '/a' }) }, /a list of 1 to 16 objects/],
  [{ endpoints: ['/a'] }, /^parameters\.endpoints\[0\] must be an object with path/],
  [{ endpoints: [{ path: '/a' }, {}] }, /^parameters\.endpoints\[1\] lacks path/],
  [{ endpoints: [{ path: '//a' }] }, /^parameters\.endpoints\[0\]\.path must be a path/],
  [
    { endpoints: [{ path: '/a', url: 'x' }] },
    /must not have "url": allowed are path, labels, port$/,
  ],
  [{ endpoints: [{ path: '/a', labels: { job: 'x' } }] }, /\.labels must not have "job"/],
  ...[
    ...['Host', 'hOsT', 'Content-Length', 'content-anything', 'Accept-Encoding', 'Connection'],
    ...['TE', 'Trailer', 'Transfer-Encoding', 'Upgrade', 'Keep-Alive', 'Proxy-Authorization'],
    ...['X-Promfetcher-Scrapping', 'x-prometheus-scrape-timeout-seconds', 'X-Promgate-Via'],
    ...['Expect', 'a b', 'a:b', '', 'ü', 'a\n', 'x'.repeat(129)],
  ].map((name): [object, RegExp] => [
    { headers: { [name]: 'x' } },
    /^parameters\.headers must not have ".*": it must be at most 20 names with values/s,
  ]),
  [
    { headers: { 'X-A': 'secret\nvalue' } },
    /^parameters\.headers\.X-A must be a string of at most 2048 visible ASCII characters and blanks$/,
  ],
  [{ headers: { 'X-A': 'secrét' } }, /^(?!.*secr).*visible ASCII/],
  [{ headers: { 'X-A': 7 } }, /^parameters\.headers\.X-A must be a string of/],
  [{ headers: 'secret' }, /^(?!.*secret)parameters\.headers must be at most 20 names/],
  [
    { headers: Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`X-${i}`, ''])) },
    /^parameters\.headers must be at most 20 names/,
  ],
  ...['', '0s', '15', '15 s', '-1s', '1.5', '1h 2m', '1s1h', 'PT15S', '1e3s', '.5s', '15S'].map(
    (timeout): [object, RegExp] => [
      { timeout },
      /^parameters\.timeout must be a duration above zero, such as "15s", .+, not "/,
    ],
  ),
  [{ timeout: 15 }, /^parameters\.timeout must be a duration above zero.*, not 15$/],
  [{ timeout: '60001ms' }, /^parameters\.timeout must be at most 60s, .+, not 60001ms$/],
  [{ cache: '1h1s' }, /^parameters\.cache must be at most 3600s, .+, not 1h1s$/],
  [{ cache: 'never' }, /^parameters\.cache must be a duration, such as/],
  ...['', 'a b', 'a{b}', 'a|b', '(a)', 'a+', '[a]', '^a', 'x'.repeat(201)].map(
    (glob): [object, RegExp] => [
      { allow: ['ok_*'], deny: ['ok', glob] },
      /^parameters\.deny\[1\] must be a pattern of metric names: letters, digits, /,
    ],
  ),
  [{ allow: 'go_*' }, /^parameters\.allow must be a list of at most 50 patterns, not "go_\*"$/],
  [{ allow: Array(51).fill('a') }, /^parameters\.allow must be a list of at most 50 patterns/],
  ...[
    ...['organization_id', 'space_id', 'app_id', 'organization_name', 'space_name', 'app_name'],
    ...['index', 'instance_id', 'instance', 'path', 'job', '__name__', '__', '', '1a', 'a-b', 'ü'],
  ].map((name): [object, RegExp] => [
    { labels: { [name]: 'x' } },
    /^parameters\.labels must not have ".*": it must be at most 10 names with values/,
  ]),
  [{ labels: { a: '' } }, /^parameters\.labels\.a must be a string of 1 to 256 characters/],
  [{ labels: { a: 'x\ny' } }, /without control characters, not "x\\ny"$/],
  [{ labels: { a: 'x'.repeat(257) } }, /a string of 1 to 256 characters/],
  [
    { labels: Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`l${i}`, 'x'])) },
    /^parameters\.labels must be at most 10 names/,
  ],
  [{ process: 'job' }, /^parameters\.process must be "web", "worker" or "all", not "job"$/],
  [{ process: null }, /^parameters\.process must be .+, not null$/],
];

describe('parameters of a binding', () => {
  for (const parameters of ACCEPTED) {
    it(`may be ${JSON.stringify(parameters).slice(0, 80)}`, () => {
      assert.deepEqual(check.binding({ ...parameters }), parameters);
    });
  }

  for (const [parameters, message] of REFUSED) {
    it(`may not be ${JSON.stringify(parameters).slice(0, 80)}`, () => {
      assert.match(refusalOf(parameters), message);
    });
  }

  it('are understood if the schema lets them pass', () => {
    fc.assert(
      fc.property(anyParameters(), (parameters) => {
        let given: GivenParameters;
        try {
          given = check.binding(parameters);
        } catch (error) {
          assert.ok(error instanceof Refusal && error.message.startsWith('parameters'));
          return;
        }
        const { endpoints, headers, timeoutMs, cacheMs, labels } = bindingSettings(given);
        for (const { path } of endpoints) {
          assert.match(parseMetricPath(path), /^\/(?!\/)[\x21-\x7e]*$/);
        }
        new Headers(headers.map(([name, value]) => [name, value])); // throws for what it cannot send
        assert.ok(timeoutMs === undefined || (timeoutMs > 0 && timeoutMs <= 60_000));
        assert.ok(cacheMs === undefined || (cacheMs >= 0 && cacheMs <= 3_600_000));
        assert.ok(labels.length <= 10);
      }),
      { numRuns: 1000 },
    );
  });

  it('hold no header that instances would not be sent, and no label that promgate gives', () => {
    const header = fc.oneof(
      fc.constantFrom('Range', 'If-Match', 'TE', 'X-Promgate-Via', 'Proxy-X', 'Cookie', 'Accept'),
      fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/),
    );
    fc.assert(
      fc.property(header, (name) => {
        const isSent = withOwnHeaders([], [name, 'x']).length > 0;
        assert.ok(isSent || !accepts({ headers: { [name]: 'x' } }), name);
      }),
      { numRuns: 1000 },
    );
    for (const name of INSTANCE_LABELS) assert.equal(accepts({ labels: { [name]: 'x' } }), false);
  });

  it('become settings, the single endpoint before the others', () => {
    const given = check.binding({
      endpoint: '/a',
      endpoints: [{ path: '/b', labels: { part: 'b' } }],
      headers: { 'X-A': '1' },
      timeout: '1.5s',
      cache: '1m30s',
      allow: ['a*'],
      labels: { team: 'x' },
      process: 'worker',
    });
    assert.deepEqual(bindingSettings(given), {
      endpoints: [
        { path: '/a', labels: [] },
        { path: '/b', labels: [['part', 'b']] },
      ],
      headers: [['X-A', '1']],
      timeoutMs: 1500,
      cacheMs: 90_000,
      allow: ['a*'],
      deny: [],
      labels: [['team', 'x']],
      process: 'worker',
    });
  });

  it('say what they must be in every schema that can refuse', () => {
    const visit = (schema: object): void => {
      assert.ok('description' in schema, JSON.stringify(schema).slice(0, 80));
      const { properties = {}, patternProperties = {}, items } = schema as Parts;
      const inner = [...Object.values(properties), ...Object.values(patternProperties)];
      for (const part of items ? [...inner, items] : inner) visit(part);
    };
    visit(BINDING_PARAMETERS);
  });
});

interface Parts {
  readonly properties?: Readonly<Record<string, object>>;
  readonly patternProperties?: Readonly<Record<string, object>>;
  readonly items?: object;
}

/** Right, nearly right and wrong parameters. */
function anyParameters() {
  const path = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => `/${text}`),
    fc.string(),
  );
  const name = fc.oneof(
    fc.stringMatching(/^[a-zA-Z_-]{0,12}$/),
    fc.constantFrom('job', 'Host', '__x', 'X-A', '__proto__'),
    fc.string(),
  );
  const value = fc.oneof(fc.stringMatching(/^[ -~]{0,12}$/), fc.string({ unit: 'binary' }));
  const labels = fc.dictionary(name, value, { maxKeys: 12, noNullPrototype: true });
  const duration = fc.oneof(
    fc.stringMatching(/^(\d{1,2}h)?(\d{1,3}m)?(\d{1,3}(\.\d{1,3})?s)?(\d{1,4}ms)?$/),
    fc.string(),
  );
  const globs = fc.array(fc.stringMatching(/^[a-z_*?:.|]{0,5}$/), { maxLength: 4 });
  const wrong = <T>(right: fc.Arbitrary<T>) =>
    fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: fc.jsonValue() });
  return fc.record(
    {
      endpoint: wrong(path),
      endpoints: wrong(
        fc.array(fc.record({ path, labels }, { requiredKeys: ['path'], noNullPrototype: true }), {
          maxLength: 3,
        }),
      ),
      headers: wrong(labels),
      timeout: wrong(duration),
      cache: wrong(duration),
      allow: wrong(globs),
      deny: wrong(globs),
      labels: wrong(labels),
      process: wrong(fc.constantFrom('web', 'worker', 'all')),
    },
    { requiredKeys: [], noNullPrototype: true },
  );
}
