/** Endpoints that promgate must not be talked into asking, and some that it may ask. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { page, redirect } from '../support/answers.ts';
import { codeOf, startSite } from './endpoint-site.ts';

interface Case {
  readonly id: string;
  readonly endpoint: string;
  readonly followedBy?: { readonly text: string; readonly times: number };
  readonly expected: {
    readonly status: number;
    readonly code: string;
    /** Where several refusals are right, each with its usual status. */
    readonly orCodes?: readonly string[];
  };
  /** Name -> the addresses that the name servers give. */
  readonly addresses?: Readonly<Record<string, readonly string[]>>;
  readonly redirectsTo?: string;
}

const CASES: readonly Case[] = JSON.parse(
  readFileSync(new URL('ssrf-cases.json', import.meta.url), 'utf8'),
);
const PAGE = page('up 1\n');

describe('the endpoints that readers name', () => {
  for (const { id, endpoint, followedBy, expected, addresses = {}, redirectsTo } of CASES) {
    it(`${id}: ${expected.status} ${expected.code}`, async () => {
      const dns = Object.fromEntries(
        Object.entries(addresses).map(([name, found]) => [name, [found]]),
      );
      const answers = redirectsTo === undefined ? PAGE : redirect(redirectsTo);
      await using site = await startSite({ answer: answers, dns });
      if (id === 'self') {
        // The name leads back to promgate, whatever is between.
        site.endpoint.answer = async ({ request, socket }) => {
          const { via = '', 'cdn-loop': loop = '' } = request.headers;
          const inner = await fetch(site.url + request.target, {
            headers: { Via: via, 'CDN-Loop': loop },
          });
          const body = await inner.text();
          socket.write(
            `HTTP/1.1 ${inner.status} X\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
          );
        };
      }

      const { text = '', times = 0 } = followedBy ?? {};

      const answer = await site.ask(endpoint + text.repeat(times));

      const code = answer.ok ? 'ok' : await codeOf(answer);
      const { orCodes, ...usual } = expected;
      if (orCodes) assert.ok(orCodes.includes(code), code);
      else assert.deepEqual({ status: answer.status, code }, usual);
      if ([400, 403].includes(answer.status)) assert.deepEqual(site.connects, []);
      assert.deepEqual([...site.mistakes], []);
    });
  }

  const more: readonly [endpoint: string, status: number, code: string][] = [
    ['http://0251.0376.0251.0376/', 403, 'denied_address'],
    ['http://0xA9.0xFE.0xA9.0xFE/', 403, 'denied_address'],
    ['http://169.254.43518/', 403, 'denied_address'],
    ['http://017700000001/', 403, 'denied_address'],
    ['http://①②⑦.⓪.⓪.①/', 403, 'denied_address'],
    ['http://127。0。0。1/', 403, 'denied_address'],
    ['http://127.0.0.1./', 403, 'denied_address'],
    ['http://0x7f.1./', 403, 'denied_address'],
    ['http://[::1]/', 403, 'denied_address'],
    ['http://[0:0:0:0:0:ffff:7f00:1]/', 403, 'denied_address'],
    ['http://[::ffff:10.0.0.1]/', 403, 'denied_address'],
    ['http://[2002:7f00:1::]/', 403, 'denied_address'],
    ['http://[2001:0:7f00:1::]/', 403, 'denied_address'],
    ['http://[fe80::1%25lo]/', 400, 'bad_url'],
    ['http://[::1%lo]/', 400, 'bad_url'],
    ['http://[::1', 400, 'bad_url'],
    ['http://100.100.100.200/latest/meta-data', 403, 'denied_address'],
    ['http://192.0.0.192/', 403, 'denied_address'],
    ['http://240.0.0.1/', 403, 'denied_address'],
    ['http://good.example:0/', 403, 'denied_port'],
    ['http://good.example:22/', 403, 'denied_port'],
    ['http://good.example:6379/', 403, 'denied_port'],
    ['http://good.example:11211/', 403, 'denied_port'],
    ['http://good.example:5432/', 403, 'denied_port'],
    ['http://good.example:3306/', 403, 'denied_port'],
    ['http://good.example:9042/', 403, 'denied_port'],
    ['http://good.example:27017/', 403, 'denied_port'],
    ['good.example:6379', 403, 'denied_port'],
    ['http://good.example:65536/', 400, 'bad_url'],
    ['http://good.example:99999999999/', 400, 'bad_url'],
    ['http://good.example:-1/', 400, 'bad_url'],
    ['http://user@good.example/', 400, 'bad_url'],
    ['http://user:password@good.example/', 400, 'bad_url'],
    ['http://:password@good.example/', 400, 'bad_url'],
    ['http://good.example@127.0.0.1/', 400, 'bad_url'],
    ['http://good.example\\@127.0.0.1/', 400, 'bad_url'],
    ['http:\\\\127.0.0.1/', 400, 'bad_url'],
    ['http:127.0.0.1/', 403, 'denied_address'],
    ['http:///127.0.0.1/', 403, 'denied_address'],
    ['//127.0.0.1/', 400, 'bad_url'],
    ['/metrics', 400, 'bad_url'],
    ['', 400, 'bad_url'],
    [' http://good.example/', 400, 'bad_url'],
    ['http://good.example/ ', 400, 'bad_url'],
    ['http://good.exa\tmple/', 400, 'bad_url'],
    ['ht\ntp://good.example/', 400, 'bad_url'],
    ['http://good.example%00.evil.example/', 400, 'bad_url'],
    ['http://good.example%2f@evil.example/', 400, 'bad_url'],
    ['http://good..example/', 400, 'bad_url'],
    ['http://.example/', 400, 'bad_url'],
    [`http://${'a'.repeat(64)}.example/`, 400, 'bad_url'],
    ['javascript:alert(1)', 403, 'denied_scheme'],
    ['dict://good.example/', 403, 'denied_scheme'],
    ['jar:http://good.example!/', 403, 'denied_scheme'],
    ['ws://good.example/', 403, 'denied_scheme'],
    ['HTTP://GOOD.EXAMPLE/', 200, 'ok'],
    ['good.example', 200, 'ok'],
    ['good.example/path?x=1', 200, 'ok'],
    ['ｇｏｏｄ.example:9100', 200, 'ok'],
    ['http://bücher.example/', 200, 'ok'],
    ['[2606:2800:220:1::1]:9100', 200, 'ok'],
    ['8.8.8.8:9100', 200, 'ok'],
  ];
  for (const [endpoint, status, code] of more) {
    it(`${JSON.stringify(endpoint.slice(0, 50))}: ${status} ${code}`, async () => {
      await using site = await startSite({ answer: PAGE });

      const answer = await site.ask(endpoint);

      assert.deepEqual([answer.status, answer.ok ? 'ok' : await codeOf(answer)], [status, code]);
      if (!answer.ok) assert.deepEqual(site.connects, []);
      assert.deepEqual([...site.mistakes], []);
    });
  }

  it('must be named once, by a parameter of that very name', async () => {
    await using site = await startSite({ answer: PAGE });
    const good = encodeURIComponent('http://good.example/');
    const queries: readonly [query: string, status: number][] = [
      [`endpoint=${good}&endpoint=${good}`, 400],
      [`endpoint=${good}&end%70oint=${good}`, 400],
      [`endpoint`, 400],
      [`endpoint=`, 400],
      [`endpoint=%ff%fe`, 400],
      [`endpoint=${good}%00`, 400],
      [`endpoint=${good}&x=%0d%0aX-Injected:%201`, 200], // stays escaped
      [`%65ndpoint=${good}`, 200],
    ];

    for (const [query, status] of queries) {
      const answer = await fetch(`${site.url}/metrics?${query}`);
      await answer.arrayBuffer();
      assert.equal(answer.status, status, query);
    }
    assert.ok(site.endpoint.requests.every(({ headers }) => !('x-injected' in headers)));
  });

  it('are asked at the address that was judged, though the name leads elsewhere later', async () => {
    const dns = { 'rebind.example': [['93.184.216.34'], ['127.0.0.1']] };
    await using site = await startSite({
      answer: PAGE,
      dns,
      life: { ttlMs: 0, staleIfErrorMs: 0 },
    });

    const first = await site.ask('http://rebind.example:9100/metrics');
    const second = await site.ask('http://rebind.example:9100/metrics');

    assert.equal(first.status, 200);
    assert.deepEqual([second.status, await codeOf(second)], [403, 'denied_address']);
    assert.deepEqual(site.connects, ['93.184.216.34:9100']);
  });

  it('are refused when one address of either family is bad, wherever it stands', async () => {
    const bad: Record<string, readonly string[]> = {
      'a.example': ['93.184.216.34', '::1'],
      'b.example': ['fd00::1', '93.184.216.34'],
      'c.example': ['93.184.216.34', '2606:2800:220:1::1', '169.254.169.254'],
      'd.example': ['::ffff:127.0.0.1', '93.184.216.34'],
      'e.example': ['fe80::1%eth0', '93.184.216.34'],
      'f.example': ['not an address', '93.184.216.34'],
    };
    const dns = Object.fromEntries(Object.entries(bad).map(([name, found]) => [name, [found]]));
    await using site = await startSite({ answer: PAGE, dns });

    for (const name of Object.keys(bad)) {
      const answer = await site.ask(`http://${name}/`);
      assert.deepEqual([answer.status, await codeOf(answer)], [403, 'denied_address'], name);
    }
    assert.deepEqual(site.connects, []);
  });

  it('that redirect are followed only at the same address', async () => {
    const places = [
      'http://169.254.169.254/',
      '//127.0.0.1/x',
      'http://other.example/',
      'ftp://x/',
    ];
    for (const place of places) {
      await using site = await startSite({ answer: redirect(place) });
      const answer = await site.ask('http://good.example/r');

      assert.deepEqual([answer.status, await codeOf(answer)], [502, 'upstream_redirects'], place);
      assert.deepEqual(site.connects, ['93.184.216.34:80'], place);
    }
  });

  it('are those of endpoints.allow, less those of endpoints.deny', async () => {
    await using site = await startSite({
      answer: PAGE,
      allow: ['*.example.com:9100', '93.184.0.0/16', '10.1.0.0/16', '[2606:2800::1]:9100'],
      deny: ['bad.example.com', '93.184.99.0/24', '10.1.2.0/24'],
      allowPrivate: ['10.1.0.0/16'],
      dns: { 'out.example.com': [['10.2.0.1']], 'far.example': [['8.8.8.8']] },
    });
    const expected: readonly [endpoint: string, status: number][] = [
      ['a.example.com:9100', 200],
      ['A.EXAMPLE.COM.:9100', 200],
      ['a.example.com:9101', 200], // by its address
      ['example.com.evil.example:9100', 200], // by its address
      ['bad.example.com:9100', 403],
      ['bad.example.com.:9100', 403],
      ['out.example.com:9100', 403],
      ['far.example:9100', 403],
      ['93.184.99.1:9100', 403],
      ['10.1.0.1:9100', 200],
      ['10.1.2.1:9100', 403],
      ['10.2.0.1:9100', 403],
      ['[::ffff:10.1.0.1]:9100', 200],
      ['[2606:2800::1]:9100', 200],
      ['[2606:2800::2]:9100', 403],
    ];

    for (const [endpoint, status] of expected) {
      const answer = await site.ask(endpoint);
      await answer.arrayBuffer();
      assert.equal(answer.status, status, endpoint);
    }
  });

  it('behind a name server that hangs cost the reader its deadline and no more', async () => {
    const { within } = await import('../../src/fetch/host-lookup.ts');
    const never = new Promise<readonly string[]>(() => undefined);
    await using site = await startSite({
      answer: PAGE,
      lookup: (_, options) => within(never, options),
      timeoutMs: 100,
    });

    const answer = await site.ask('http://good.example/');

    assert.deepEqual([answer.status, await codeOf(answer)], [504, 'upstream_timeout']);
  });
});

describe('promgate that is asked for its own pages', () => {
  it('is refused by the name under which it is reached', async () => {
    await using site = await startSite({ answer: PAGE, allowPrivate: ['127.0.0.0/8'] });

    const answer = await site.ask(`http://127.0.0.1:${site.port}/metrics`);

    assert.deepEqual([answer.status, await codeOf(answer)], [508, 'denied_loop']);
  });

  it('is refused by the headers that proxies keep', async () => {
    await using site = await startSite({ answer: PAGE });
    const headers = [
      { Via: '1.1 proxy, 1.1 promgate-promgate' },
      { 'CDN-Loop': 'cdn; x=1, promgate-promgate' },
      { 'X-Promgate-Via': 'promgate' },
    ];

    for (const one of headers) {
      const answer = await site.ask('http://good.example/', { headers: one });
      assert.deepEqual([answer.status, await codeOf(answer)], [508, 'denied_loop']);
    }
  });

  it('is refused by way of another promgate', async () => {
    await using second = await startSite({
      answer: PAGE,
      isReal: true,
      id: 'second',
      allowPrivate: ['127.0.0.0/8'],
    });
    await using first = await startSite({
      answer: PAGE,
      isReal: true,
      id: 'first',
      allowPrivate: ['127.0.0.0/8'],
    });
    const back = `${first.url}/metrics?endpoint=${encodeURIComponent('http://93.184.216.34/')}`;
    const there = `${second.url}/metrics?endpoint=${encodeURIComponent(back)}`;

    const answer = await first.ask(there);

    assert.deepEqual([answer.status, await codeOf(answer)], [508, 'denied_loop']);
    assert.equal(first.connects.length, 1);
  });
});
