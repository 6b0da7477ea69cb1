import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import tls, { type SecureContextOptions, type TLSSocket } from 'node:tls';
import { parseAddress } from '../../src/fetch/connect.ts';
import type { Scraper } from '../../src/fetch/fan-out.ts';
import type { ScrapeTarget } from '../../src/fetch/target.ts';
import { fixedTrust } from '../../src/fetch/trust.ts';
import { Authority, type Certificate, OPENSSL } from './certificates.ts';
import {
  ask,
  type InstanceServer,
  listen,
  openScraper,
  serve,
  serveNobody,
  serveRaw,
  until,
} from './instance-server.ts';

const GUID = 'b7e0a1c2-5a3e-4c8e-a2f3-0d3b';

describe('parseAddress', () => {
  const places = [
    ['10.0.16.4:61001', '10.0.16.4', 61_001],
    ['exporter.example.com:80', 'exporter.example.com', 80],
    ['[2001:db8::1]:65535', '2001:db8::1', 65_535],
    ['[fe80::1%eth0]:1', 'fe80::1%eth0', 1],
  ] as const;
  for (const [address, host, port] of places) {
    it(`takes ${address}`, () => assert.deepEqual(parseAddress(address), { host, port }));
  }

  for (const address of [
    '',
    'x',
    ':1',
    'x:',
    'x:0',
    'x:65536',
    'x:1e3',
    '::1:80',
    'a b:1',
    'a/b:1',
  ]) {
    it(`refuses ${JSON.stringify(address)}`, () => assert.equal(parseAddress(address), undefined));
  }
});

/** A server that answers any GET, and refuses whoever shows no certificate of `clients`. */
async function serveOpenssl(
  { certFile, keyFile }: Certificate,
  clients: Authority,
): Promise<AsyncDisposable & { readonly address: string }> {
  const files = ['-cert', certFile, '-key', keyFile, '-CAfile', clients.caFile];
  const verify = ['-Verify', '1', '-verify_return_error'];
  const child = spawn(OPENSSL, ['s_server', '-accept', '127.0.0.1:0', '-www', ...files, ...verify]);
  const exited = once(child, 'exit');
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  await until(() => /ACCEPT \S+:\d+\n/.test(output), 'openssl listens');
  return {
    address: /ACCEPT (\S+:\d+)\n/.exec(output)?.[1] ?? '',
    async [Symbol.asyncDispose]() {
      child.kill();
      await exited;
    },
  };
}

describe('an instance with TLS', () => {
  let authority: Authority;
  let own: Certificate;
  let other: Certificate;
  let expired: Certificate;
  let client: Certificate;
  let byAddress: Certificate;
  let stranger: Authority;
  let forged: Certificate;

  before(async () => {
    [authority, stranger] = await Promise.all([Authority.create(), Authority.create()]);
    own = await authority.issue('own', `DNS:${GUID}`);
    other = await authority.issue('other', 'DNS:another-instance');
    expired = await authority.issue('expired', `DNS:${GUID}`, -1);
    client = await authority.issue('client', 'DNS:promgate');
    byAddress = await authority.issue('by-address', 'IP:127.0.0.1');
    forged = await stranger.issue('forged', `DNS:${GUID}`);
  });

  after(async () => {
    await authority[Symbol.asyncDispose]();
    await stranger[Symbol.asyncDispose]();
  });

  /** Trusts what `scrape.tls.ca` names, and shows `certificate`. */
  function trusting(ca: string, certificate?: Certificate): Scraper {
    const trust = fixedTrust({ ca: [ca], ...certificate });
    return openScraper({ trust: { instances: trust, system: fixedTrust({ ca: [stranger.ca] }) } });
  }

  interface Seen {
    sni: string | false | null;
    host: string | undefined;
    client: string | undefined;
    alpn: string | false | null;
  }

  /** An instance that shows `certificate`, and what it saw of each request. */
  async function serveTls(
    certificate: Certificate,
    options: SecureContextOptions & https.ServerOptions = {},
  ): Promise<{ readonly server: InstanceServer; readonly seen: Seen[] }> {
    const seen: Seen[] = [];
    const { cert, key } = certificate;
    const server = https.createServer({ cert, key, ...options }, (request, response) => {
      const socket = request.socket as TLSSocket; // an https server's
      seen.push({
        sni: socket.servername ?? null,
        host: request.headers.host,
        client: socket.getPeerCertificate().subject?.CN?.toString(),
        alpn: socket.alpnProtocol,
      });
      response.end('up 1\n');
    });
    return { server: await listen(server), seen };
  }

  const named = (more: Partial<ScrapeTarget> = {}) => ({ tls: true, serverName: GUID, ...more });

  it('is asked with its own name as SNI, and with the route as Host', async () => {
    await using scraper = trusting(authority.ca);
    const { server, seen } = await serveTls(own);
    await using _server = server;

    for (const host of ['a.example.com', 'b.example.com', 'a.example.com:8443']) {
      assert.equal(await ask(scraper, server.address, named({ host })), 'up 1\n');
    }

    const rest = { sni: GUID, client: undefined, alpn: 'http/1.1' };
    assert.deepEqual(seen, [
      { host: 'a.example.com', ...rest },
      { host: 'b.example.com', ...rest },
      { host: 'a.example.com:8443', ...rest },
    ]);
    assert.equal(server.connected, 1);
  });

  it('with the name of another is no failure of TLS, but of identity', async () => {
    await using scraper = trusting(authority.ca);
    const { server, seen } = await serveTls(other);
    await using _server = server;

    assert.equal(await ask(scraper, server.address, named()), 'tls-identity');
    assert.equal(
      await ask(scraper, server.address, named({ host: 'another-instance' })),
      'tls-identity',
    );
    assert.equal(seen.length, 0);
  });

  it('shows its identity to the lenient parser too', async () => {
    await using scraper = trusting(authority.ca);
    const names: (string | false | null)[] = [];
    const answer =
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nup 1\n\r\n0\r\n\r\n';
    await using server = await listen(
      tls.createServer({ cert: own.cert, key: own.key }, (socket) => {
        socket.on('error', () => undefined); // it is cut
        socket.on('data', () => {
          names.push(socket.servername);
          socket.write(answer);
        });
      }),
    );

    assert.equal(await ask(scraper, server.address, named()), 'up 1\n');
    assert.equal(await ask(scraper, server.address, named()), 'up 1\n');
    assert.equal(await ask(scraper, server.address, named({ serverName: 'x' })), 'tls-identity');
    assert.equal(await ask(scraper, server.address, named({ trust: 'system' })), 'tls');
    assert.equal(await ask(scraper, server.address, named({ host: 'a\r\nb: c' })), 'unreachable');

    assert.deepEqual(names, [GUID, GUID, GUID], 'once strictly, twice leniently');
  });

  it('is not trusted for the route it is found under', async () => {
    await using scraper = trusting(authority.ca);
    const { server } = await serveTls(own);
    await using _server = server;

    const target = named({ serverName: 'expected', host: GUID });
    assert.equal(await ask(scraper, server.address, target), 'tls-identity');
  });

  it('that is now another instance at the same address gets a connection of its own', async () => {
    await using scraper = trusting(authority.ca);
    const { server } = await serveTls(own);
    await using _server = server;
    assert.equal(await ask(scraper, server.address, named()), 'up 1\n');

    const next = named({ serverName: 'the-next-instance' });

    assert.equal(await ask(scraper, server.address, next), 'tls-identity');
    assert.equal(await ask(scraper, server.address, named()), 'up 1\n');
  });

  it('from another authority, without one, or expired, fails as tls', async () => {
    const { server: foreign } = await serveTls(forged);
    await using _foreign = foreign;
    const { server: late } = await serveTls(expired);
    await using _late = late;
    const { server: good } = await serveTls(own);
    await using _good = good;
    await using scraper = trusting(authority.ca);
    await using without = openScraper();

    assert.equal(await ask(scraper, foreign.address, named()), 'tls');
    assert.equal(await ask(scraper, late.address, named()), 'tls');
    assert.equal(await ask(without, good.address, named()), 'tls');
  });

  it('without a name in the table is checked by its address', async () => {
    await using scraper = trusting(authority.ca);
    const { server, seen } = await serveTls(byAddress);
    await using _server = server;
    const { server: nameless } = await serveTls(own);
    await using _nameless = nameless;

    assert.equal(await ask(scraper, server.address, named({ serverName: '' })), 'up 1\n');
    assert.equal(await ask(scraper, nameless.address, named({ serverName: '' })), 'tls-identity');
    assert.equal(seen[0]?.sni, false);
  });

  it('sees our certificate where it wants one', async () => {
    const wants = { ca: authority.ca, requestCert: true, rejectUnauthorized: true };
    const { server, seen } = await serveTls(own, wants);
    await using _server = server;
    await using scraper = trusting(authority.ca, client);

    assert.equal(await ask(scraper, server.address, named()), 'up 1\n');
    assert.equal(seen[0]?.client, 'client');
  });

  it('that refuses our certificate, or that we have none, fails as tls-client', async () => {
    // Not Node's server: it closes the connection instead of saying so.
    await using server = await serveOpenssl(own, authority);
    await using without = trusting(authority.ca);
    await using withAnother = trusting(authority.ca, forged);
    await using withOurs = trusting(authority.ca, client);

    assert.equal(await ask(without, server.address, named()), 'tls-client');
    assert.equal(await ask(withAnother, server.address, named()), 'tls-client');
    assert.match(await ask(withOurs, server.address, named()), /s_server/);
  });

  it('with a name that is none in the table fails, and nothing else does', async () => {
    await using scraper = trusting(authority.ca);
    const { server } = await serveTls(own);
    await using _server = server;

    for (const serverName of [
      `${GUID}\0`,
      `${GUID}.`,
      ' ',
      '*',
      'a\r\nb',
      '☃',
      'x'.repeat(70_000),
    ]) {
      const answer = await ask(scraper, server.address, named({ serverName }));
      assert.match(answer, serverName === `${GUID}.` ? /^(tls-identity|up 1\n)$/ : /^tls/);
    }
    assert.equal(await ask(scraper, server.address, named()), 'up 1\n');
  });

  it('fails as tls where our own settings cannot be used', async () => {
    const broken = fixedTrust({ ca: [], cert: 'not a certificate', key: 'nor a key' });
    await using scraper = openScraper({ trust: { instances: broken, system: broken } });
    const { server } = await serveTls(own);
    await using _server = server;

    assert.equal(await ask(scraper, server.address, named()), 'tls');
  });

  it('that speaks no TLS, or hangs up on it, fails as tls', async () => {
    await using scraper = trusting(authority.ca);
    await using plain = await serve((_request, response) => void response.end());
    await using cutting = await listen(net.createServer((socket) => socket.destroy()));
    await using raw = await serveRaw('\x15\x03\x03\0\x02\x02\x28');

    for (const { address } of [plain, cutting, raw]) {
      assert.equal(await ask(scraper, address, named()), 'tls');
    }
  });

  it('that never ends its handshake fails as tls, one that takes no connection as unreachable', async () => {
    const trust = fixedTrust({ ca: [authority.ca] });
    await using scraper = openScraper({
      connectTimeoutMs: 50,
      trust: { instances: trust, system: trust },
    });
    await using silent = await listen(net.createServer((socket) => void socket.resume()));
    await using nobody = await serveNobody();

    assert.equal(await ask(scraper, silent.address, named()), 'tls');
    assert.equal(await ask(scraper, nobody.address, named()), 'unreachable');
  });

  it('asked without TLS is no page', async () => {
    await using scraper = trusting(authority.ca);
    const { server } = await serveTls(own);
    await using _server = server;

    const answer = await ask(scraper, server.address);
    assert.notEqual(answer, 'up 1\n');
    assert.match(answer, /^(status-4xx \(400\)|not-http|truncated)$/);
  });

  it('of an external exporter is trusted by other authorities than the platform', async () => {
    await using scraper = trusting(authority.ca);
    const { server } = await serveTls(forged);
    await using _server = server;

    assert.equal(await ask(scraper, server.address, named({ trust: 'system' })), 'up 1\n');
    assert.equal(await ask(scraper, server.address, named()), 'tls');
  });

  describe('and HTTP/2', () => {
    async function serveHttp2(allowHTTP1: boolean): Promise<InstanceServer> {
      const { cert, key } = own;
      const server = http2.createSecureServer({ cert, key, allowHTTP1 }, (request, response) => {
        response.end(`${request.httpVersion} ${request.authority ?? request.headers.host}`);
      });
      return await listen(server);
    }

    it('is asked by HTTP/2, agreed on by ALPN, over one connection', async () => {
      await using scraper = trusting(authority.ca);
      await using server = await serveHttp2(false);

      for (let i = 0; i < 5; i++) {
        assert.equal(
          await ask(scraper, server.address, named({ http2: true })),
          '2.0 app.example.com',
        );
      }

      assert.equal(server.connected, 1);
    });

    it('is asked by HTTP/1 where the table does not say http2', async () => {
      await using scraper = trusting(authority.ca);
      await using server = await serveHttp2(true);

      assert.equal(await ask(scraper, server.address, named()), '1.1 app.example.com');
    });

    it('is asked by HTTP/1 where it agrees to nothing else', async () => {
      await using scraper = trusting(authority.ca);
      const { server, seen } = await serveTls(own);
      await using _server = server;

      assert.equal(await ask(scraper, server.address, named({ http2: true })), 'up 1\n');
      assert.equal(seen[0]?.alpn, 'http/1.1');
    });

    it('is checked for its identity too', async () => {
      await using scraper = trusting(authority.ca);
      await using server = await serveHttp2(false);

      const target = named({ http2: true, serverName: 'another' });
      assert.equal(await ask(scraper, server.address, target), 'tls-identity');
    });
  });

  it('keeps plain instances at the same address apart', async () => {
    await using scraper = trusting(authority.ca);
    await using plain = await listen(
      http.createServer((_request, response) => void response.end('plain 1\n')),
    );

    assert.equal(await ask(scraper, plain.address), 'plain 1\n');
    assert.equal(await ask(scraper, plain.address, named()), 'tls');
    assert.equal(await ask(scraper, plain.address), 'plain 1\n');
  });
});
