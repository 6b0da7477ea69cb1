import assert from 'node:assert/strict';
import fc from 'fast-check';
import { freshToken } from '../../broker/token.ts';
import {
  decisiveHeaders,
  type ForwardOptions,
  hasCredentials,
  passedThrough,
  type ScrapeHeaders,
  scrapeHeaders,
  withOwnHeaders,
} from '../../src/fetch/forward.ts';

const open: ForwardOptions = {
  authorizationOf: 'app',
  accept: 'text/plain;version=0.0.4',
  id: 'gate-1',
  forwardedProto: 'https',
  forwardedFor: '192.0.2.7',
};
const closed: ForwardOptions = { ...open, authorizationOf: 'promgate' };

const OWN = [
  'Accept: text/plain;version=0.0.4',
  'Accept-Encoding: gzip',
  'X-Promfetcher-Scrapping: true',
  'X-Forwarded-Proto: https',
  'X-Forwarded-For: 192.0.2.7',
  'X-Promgate-Via: gate-1',
];

function lines(flat: ScrapeHeaders['instances']): string[] {
  return flat.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${flat[i + 1]}`] : []));
}

function raw(...headers: readonly string[]): string[] {
  return headers.flatMap((header) => {
    const colon = header.indexOf(': ');
    return [header.slice(0, colon), header.slice(colon + 2)];
  });
}

/** What of `headers` is passed on. */
function passed(headers: readonly string[], options = open): string[] {
  const all = lines(scrapeHeaders(raw(...headers), options).instances);
  assert.deepEqual(all.slice(-OWN.length + 1, -1), OWN.slice(1, -1));
  return all.slice(0, -OWN.length);
}

describe('withOwnHeaders', () => {
  it("puts a page's own headers in the places of those of the same names", () => {
    const shared = raw('authorization: Basic reader', 'X-A: 1', 'x-a: 2', 'Accept: text/plain');
    const own = raw('Authorization: Bearer page', 'X-a: page', 'Cookie: session=1');

    assert.deepEqual(lines(withOwnHeaders(shared, own)), [
      'Accept: text/plain',
      'Authorization: Bearer page',
      'X-a: page',
      'Cookie: session=1',
    ]);
  });

  it('leaves to promgate who asks, in which form, and how the connection is used', () => {
    const shared = scrapeHeaders([], open).instances;
    const names = [
      ...['Host', 'Connection', 'Transfer-Encoding', 'TE', 'Upgrade', 'Expect', 'Range'],
      ...['Content-Length', 'If-None-Match', 'Proxy-Authorization', 'Accept-Encoding'],
      ...['X-Promgate-Via', 'X-Prometheus-Scrape-Timeout-Seconds', 'X-Promfetcher-Scrapping'],
    ];

    const own = names.flatMap((name) => [`${name}: 1`, `${name.toLowerCase()}: 1`]);

    assert.deepEqual(withOwnHeaders(shared, raw(...own)), shared);
  });

  it("leaves out what holds a binding's token, which a binding may have been given before", () => {
    const token = `promgate_${'x'.repeat(43)}`;
    const basic = Buffer.from(`u:${token}`).toString('base64');
    const own = ['X-A', token, 'Authorization', `Basic ${basic}`, token, '1', 'X-F', 'ok'];

    assert.deepEqual(withOwnHeaders([], own), ['X-F', 'ok']);
  });

  it('leaves out what could split a request', () => {
    const own = ['X-A', 'a\r\nX-B: b', 'X B', 'c', '', 'd', 'X-E', '\u0000', 'X-F', 'ok'];

    assert.deepEqual(withOwnHeaders([], own), ['X-F', 'ok']);
  });
});

describe('scrapeHeaders', () => {
  it("sends promgate's own headers", () => {
    assert.deepEqual(lines(scrapeHeaders([], open).instances), OWN);
  });

  it('passes end-to-end headers on as they are, in their order, repeated ones too', () => {
    const headers = [
      'User-Agent: Prometheus/2.42.0',
      'Authorization: Basic Zm9vOmJhcg==',
      'x-custom: a',
      'X-Custom: b',
      'traceparent: 00-1-2-03',
      'X-Tenant: caf\xe9',
    ];

    assert.deepEqual(passed(headers), headers);
  });

  const dropped = [
    'Connection: close',
    'Keep-Alive: timeout=5',
    'Proxy-Authorization: Basic x',
    'Proxy-Connection: keep-alive',
    'TE: trailers',
    'Trailer: X-End',
    'Transfer-Encoding: chunked',
    'Upgrade: websocket',
    'HTTP2-Settings: AAMAAABkAAQ',
    'Host: promgate.example.com',
    'Content-Length: 3',
    'Content-Type: text/plain',
    'Content-Encoding: gzip',
    'Accept: application/openmetrics-text',
    'Accept-Encoding: br, gzip',
    'Cookie: JSESSIONID=1',
    'Range: bytes=0-10',
    'If-None-Match: "x"',
    'If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT',
    'Expect: 100-continue',
    'Via: 1.1 proxy',
    'Forwarded: for=192.0.2.1',
    'X-Forwarded-For: 192.0.2.1',
    'X-Forwarded-Proto: http',
    'X-Forwarded-Host: promgate.example.com',
    'X-Real-IP: 192.0.2.1',
    'X-CF-App-Instance: guid:0',
    'X-Cf-Applicationid: guid',
    'X-Promfetcher-Scrapping: false',
    'X-Prometheus-Scrape-Timeout-Seconds: 10',
  ];
  for (const header of dropped) {
    it(`does not pass on ${header}`, () => {
      assert.deepEqual(passed([header, header.toUpperCase()]), []);
    });
  }

  it('does not pass on what Connection names', () => {
    const headers = ['connection: close, X-Hop ,authorization', 'x-hop: 1', 'Authorization: a'];

    assert.deepEqual(passed([...headers, 'X-End: 1']), ['X-End: 1']);
  });

  it("passes no binding's token on, in whatever header and form", () => {
    const token = freshToken();
    const escaped = Buffer.from(token).toString('hex').replace(/../g, '%$&');
    const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
    const forms = [
      `Bearer ${token}`,
      token,
      `Token "${token}",`,
      basic(`${token}:`),
      basic(`:${token}`),
      basic(`:${token}`).replace(' ', '\t'),
      `https://promgate.example.com/?x=${escaped}`,
      `https://promgate.example.com/?x=${encodeURIComponent(escaped)}`,
    ];
    assert.deepEqual(passed([`X-${token}: 1`], open), []);
    for (const form of forms) {
      for (const name of ['Authorization', 'X-Forward-Authorization', 'X-Api-Key']) {
        const header = [`${name}: ${form}`];
        assert.deepEqual(passed(header, open), [], form);
        assert.deepEqual(passed(header, closed), [], form);
      }
    }
    assert.deepEqual(passed(['X-Api-Key: promgate_short'], open), ['X-Api-Key: promgate_short']);
  });

  it("keeps promgate's Authorization, and passes the app's in its place", () => {
    const both = ['Authorization: Bearer promgate', 'X-Forward-Authorization: Basic app'];

    assert.deepEqual(passed(both, closed), ['Authorization: Basic app']);
    assert.deepEqual(passed(both.slice(0, 1), closed), []);
    assert.deepEqual(passed(both, open), both);
  });

  it('gives external exporters nothing of the reader', () => {
    const reader = raw('Authorization: Basic x', 'X-Custom: a', 'User-Agent: Prometheus/2.42.0');

    assert.deepEqual(lines(scrapeHeaders(reader, open).exporters), [
      'Accept: text/plain;version=0.0.4',
      'Accept-Encoding: gzip',
      'X-Promfetcher-Scrapping: true',
      'X-Promgate-Via: gate-1',
    ]);
  });

  it('drops a header that could split the request', () => {
    const hostile = ['X-A', 'a\r\nX-B: b', 'X-C\r\nX-D', 'd', 'X E', 'e', 'X-F', '\0', '', 'g'];

    assert.deepEqual(lines(scrapeHeaders(hostile, open).instances), OWN);
  });

  it('gives names and values that a request may hold, whatever the reader sends', () => {
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text)), (headers) => {
        for (const line of lines(scrapeHeaders(headers.flat(), open).instances)) {
          assert.match(line, /^[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*$/);
        }
      }),
    );
  });
});

describe('passedThrough', () => {
  /** The loop guard as the next promgate sees it. */
  function viaAfter(...ids: readonly string[]): { 'x-promgate-via': string } {
    let headers: readonly string[] = [];
    for (const id of ids) {
      headers = scrapeHeaders(headers, { ...open, id }).instances;
      assert.equal(headers.filter((name) => name === 'X-Promgate-Via').length, 1);
    }
    return { 'x-promgate-via': headers[headers.indexOf('X-Promgate-Via') + 1]! };
  }

  it('knows its own id again, and that of no other', () => {
    assert.equal(passedThrough(viaAfter('gate-1'), 'gate-1'), true);
    assert.equal(passedThrough(viaAfter('gate-10'), 'gate-1'), false);
    assert.equal(passedThrough({}, 'gate-1'), false);
  });

  it('knows its own id behind those of others', () => {
    assert.equal(passedThrough(viaAfter('gate-1', 'gate-2', 'gate-3'), 'gate-1'), true);
    assert.equal(passedThrough(viaAfter('gate-2', 'gate-3'), 'gate-1'), false);
  });
});

describe('decisiveHeaders', () => {
  it('leaves out what names only the program, the address and the trace of a reader', () => {
    const harmless = ['User-Agent', 'TraceParent', 'X-B3-SpanId', 'X-Forwarded-For', 'b3'];
    const sent = ['X-Tenant', 'a', ...harmless.flatMap((name) => [name, '1']), 'Accept', '*/*'];

    assert.deepEqual(decisiveHeaders(sent), ['x-tenant', 'a', 'accept', '*/*']);
  });
});

describe('hasCredentials', () => {
  it('knows a credential by the name of its header', () => {
    for (const name of ['Authorization', 'X-Api-Key', 'X-JWT-Assertion', 'X-Access-Token']) {
      assert.ok(hasCredentials(['Accept', '*/*', name, 'a']), name);
    }
    const others = [
      'Accept',
      'X-Promgate-Via',
      'X-Promfetcher-Scrapping',
      'X-Tenant',
      'X-B3-SpanId',
    ];
    assert.ok(!hasCredentials(others.flatMap((name) => [name, 'a secret'])));
  });
});
