import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { callApi } from '../../../src/query/target/api.ts';
import { TargetError } from '../../../src/query/target/failure.ts';
import {
  DEFAULT_TARGET,
  type QueryTarget,
  type TargetSettings,
} from '../../../src/query/target/http.ts';
import { openTarget } from '../../../src/query/target/undici.ts';
import { CertificateFolder } from '../../serve/openssl.ts';
import { startQueryServer } from '../../support/query-server.ts';
import { freePort } from '../../support/server-process.ts';
import { numbers } from './some-series.ts';

const SERIES = [numbers([['__name__', 'up']], [1, 1, 1])];
const PATIENT = 10_000;

function target(url: string, settings: Partial<TargetSettings> = {}): QueryTarget {
  return openTarget({ ...DEFAULT_TARGET, dialTimeoutMs: PATIENT, url: new URL(url), ...settings });
}

function labels(from: QueryTarget, method: 'get' | 'form' = 'get'): Promise<unknown> {
  const options = { signal: new AbortController().signal, maxBytes: 10_000, method };
  return callApi(from, 'api/v1/labels', [['match[]', 'up']], options).then(({ data }) => data);
}

async function refuses(asked: Promise<unknown>, failure: string, what = /./): Promise<void> {
  await assert.rejects(asked, (error: TargetError) => {
    assert.ok(error instanceof TargetError, String(error));
    assert.equal(error.failure, failure, error.message);
    assert.match(error.what, what);
    return true;
  });
}

interface PlainServer extends AsyncDisposable {
  readonly url: string;
  readonly connections: () => number;
  readonly closeIdle: () => void;
}

async function startPlain(handle: RequestListener): Promise<PlainServer> {
  const server = createServer(handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  let connections = 0;
  server.on('connection', () => connections++);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    closeIdle: () => server.closeIdleConnections(),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const NO_LABELS = '{"status":"success","data":[]}';

describe('openTarget', () => {
  it('asks below the path prefix, with the headers and the parameters of its settings', async () => {
    await using server = await startQueryServer({ series: SERIES, pathPrefix: '/prom' });
    await using from = target(`${server.url}/`, {
      headers: { 'X-Scope-OrgID': 'a' },
      queryParameters: [['nocache', '1']],
    });

    assert.deepEqual(await labels(from), ['__name__']);
    assert.deepEqual(await labels(from, 'form'), ['__name__']);

    for (const [at, method] of ['GET', 'POST'].entries()) {
      const request = server.requests[at];
      assert.equal(request?.method, method);
      assert.equal(request.headers['x-scope-orgid'], 'a');
      assert.equal(request.headers['accept-encoding'], 'identity');
      assert.equal(request.parameters.get('nocache'), '1');
      assert.equal(request.parameters.get('match[]'), 'up');
    }
  });

  it('asks by GET a server that takes no forms', async () => {
    const methods: (string | undefined)[] = [];
    await using server = await startPlain((request, response) => {
      methods.push(request.method);
      response.writeHead(request.method === 'POST' ? 405 : 200).end(NO_LABELS);
    });
    await using from = target(server.url);

    await labels(from, 'form');
    await labels(from, 'form');

    assert.deepEqual(methods, ['POST', 'GET', 'GET']);
  });

  it('asks for gzip if it is told to', async () => {
    await using server = await startPlain((request, response) => {
      assert.equal(request.headers['accept-encoding'], 'gzip');
      response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync(NO_LABELS));
    });
    await using from = target(server.url, { gzip: true });

    assert.deepEqual(await labels(from), []);
  });

  it('takes no more bytes than it may, decompressed', async () => {
    await using server = await startPlain((_, response) => {
      response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync(Buffer.alloc(20_000)));
    });
    await using from = target(server.url, { gzip: true });

    await refuses(labels(from), 'too-big', /more than 10000 bytes/);
  });

  it('follows redirects unless it is told not to', async () => {
    await using server = await startQueryServer({ series: SERIES });
    await using old = await startPlain((request, response) => {
      response.writeHead(307, { Location: `${server.url}${request.url}` }).end();
    });
    await using follows = target(old.url);
    await using stays = target(old.url, { followsRedirects: false });

    assert.deepEqual(await labels(follows), ['__name__']);
    await refuses(labels(stays), 'status', /status 307/);
  });

  it('asks again when a connection was closed while it was idle', async () => {
    await using server = await startPlain((_, response) => response.end(NO_LABELS));
    await using from = target(server.url);

    for (let round = 0; round < 20; round++) {
      await labels(from);
      server.closeIdle();
    }

    assert.ok(server.connections() >= 20);
  });

  it('tells that nobody listens', async () => {
    await using from = target(`http://127.0.0.1:${await freePort()}`);
    await refuses(labels(from), 'connect', /ECONNREFUSED/);
  });

  it('tells that a name is not known', async () => {
    await using from = target('http://nobody.invalid');
    await refuses(labels(from), 'connect');
  });

  it('waits for the head of an answer as long as it may', async () => {
    await using server = await startQueryServer({ series: [], faults: { freeze: 'head' } });
    await using from = target(server.url, { headTimeoutMs: 50 });
    await refuses(labels(from), 'timeout');
  });

  it('waits for a connection as long as it may', async () => {
    const silent = createTcpServer((socket) => socket.on('error', () => undefined));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    await using from = target(`https://127.0.0.1:${port}`, { dialTimeoutMs: 30 });

    await refuses(labels(from), 'connect', /no connection within 30 ms/);

    silent.close();
  });

  it('tells that something else answers', async () => {
    await using server = await startPlain((_, response) => response.end('<html>'));
    await using from = target(server.url);
    await refuses(labels(from), 'not-prometheus');
  });

  it('gives the words of a Prometheus that refuses', async () => {
    await using server = await startQueryServer({ series: [] });
    await using from = target(server.url);
    const options = { signal: new AbortController().signal, maxBytes: 10_000 };
    await refuses(callApi(from, 'api/v1/series', [], options), 'bad-data', /no match\[\]/);
    await refuses(callApi(from, 'api/v1/what', [], options), 'not-found', /no what/);
  });

  it('is asked no more after it was closed', async () => {
    await using server = await startQueryServer({ series: [] });
    const from = target(server.url);
    await labels(from);
    await from[Symbol.asyncDispose]();
    await refuses(labels(from), 'aborted');
  });
});

describe('the credentials of a target', () => {
  it('are a user and a password', async () => {
    const expected = `Basic ${Buffer.from('me:päss').toString('base64')}`;
    await using server = await startQueryServer({
      ...{ series: SERIES, allows: ({ authorization }) => authorization === expected },
    });
    const basic = (password: string): TargetSettings['authorization'] => ({
      ...{ kind: 'basic', username: { text: 'me' }, password: { text: password } },
    });
    await using right = target(server.url, { authorization: basic('päss')! });
    await using wrong = target(server.url, { authorization: basic('pass')! });

    assert.deepEqual(await labels(right), ['__name__']);
    await refuses(labels(wrong), 'auth', /status 401: Unauthorized/);
  });

  it('are a token in a file that is read anew', async () => {
    using folder = new CertificateFolder();
    const file = folder.path('token');
    let valid = 'one';
    await using server = await startQueryServer({
      ...{ series: SERIES, allows: ({ authorization }) => authorization === `Bearer ${valid}` },
    });
    const authorization = { kind: 'header', type: 'Bearer', credentials: { file } } as const;
    await using from = target(server.url, { authorization });

    await refuses(labels(from), 'credentials', /token cannot be read: ENOENT/);
    writeFileSync(file, 'one\n');
    assert.deepEqual(await labels(from), ['__name__']);
    valid = 'two';
    await refuses(labels(from), 'auth');
    writeFileSync(file, 'two\n');
    assert.deepEqual(await labels(from), ['__name__']);
  });

  it('are a token of OAuth 2.0, fetched once and anew when it is refused', async () => {
    const asked: string[] = [];
    await using endpoint = await startPlain((request, response) => {
      request.setEncoding('utf8').on('data', (form: string) => {
        asked.push(`${request.headers.authorization} ${request.url} ${form}`);
        response.end(`{"access_token":"t${asked.length}","token_type":"bearer","expires_in":900}`);
      });
    });
    let valid = 'Bearer t1';
    await using server = await startQueryServer({
      ...{ series: SERIES, allows: ({ authorization }) => authorization === valid },
    });
    let nowMs = 0;
    const authorization = {
      ...{ kind: 'oauth2' as const, clientId: 'id', clientSecret: { text: 's:1' } },
      ...{ tokenUrl: new URL(`${endpoint.url}/token?x=1`), endpointParameters: { aud: 'p' } },
      scopes: ['a', 'b'],
    };
    const settings = { ...DEFAULT_TARGET, url: new URL(server.url), authorization };
    await using from = openTarget({ ...settings, dialTimeoutMs: PATIENT }, () => nowMs);

    await Promise.all([labels(from), labels(from), labels(from)]);
    const pair = Buffer.from('id:s%3A1').toString('base64');
    assert.deepEqual(asked, [
      `Basic ${pair} /token?x=1 grant_type=client_credentials&aud=p&scope=a+b`,
    ]);

    valid = 'Bearer t2';
    await labels(from);
    assert.equal(asked.length, 2);

    nowMs = 891_000; // it would expire in nine seconds
    valid = 'Bearer t3';
    await labels(from);
    assert.equal(asked.length, 3);
  });

  it('are missed when the token endpoint gives none', async () => {
    await using endpoint = await startPlain((_, response) => response.writeHead(403).end('{}'));
    const authorization = {
      ...{ kind: 'oauth2' as const, clientId: 'id', clientSecret: { text: 's' }, scopes: [] },
      ...{ tokenUrl: new URL(endpoint.url), endpointParameters: {} },
    };
    await using from = target('http://127.0.0.1:1', { authorization });

    await refuses(labels(from), 'credentials', /gave no token: status 403/);
  });
});

describe('the TLS of a target', () => {
  let folder: CertificateFolder;
  before(() => {
    folder = new CertificateFolder();
    folder.authority('ca');
    const extensions = ['subjectAltName=DNS:prometheus.internal'];
    folder.issued('server', { by: 'ca', extensions });
    folder.issued('client', { by: 'ca' });
    folder.selfSigned('other');
  });
  after(() => folder[Symbol.dispose]());
  const files = (name: string) => ({
    cert: folder.path(`${name}.crt`),
    key: folder.path(`${name}.key`),
  });

  it('knows the server by its authority and its name', async () => {
    const tls = {
      cert: readFileSync(files('server').cert, 'utf8'),
      key: readFileSync(files('server').key, 'utf8'),
    };
    await using server = await startQueryServer({ series: SERIES, tls });
    const ca = folder.path('ca.crt');
    await using right = target(server.url, { tls: { ca, serverName: 'prometheus.internal' } });
    await using otherName = target(server.url, { tls: { ca } });
    const otherCa = files('other').cert;
    await using unknown = target(server.url, {
      tls: { ca: otherCa, serverName: 'prometheus.internal' },
    });
    await using careless = target(server.url, { tls: { skipsVerification: true } });
    await using missing = target(server.url, { tls: { ca: folder.path('none') } });
    await using old = target(server.url, {
      tls: { ca, serverName: 'prometheus.internal', minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' },
    });

    assert.deepEqual(await labels(right), ['__name__']);
    await refuses(labels(otherName), 'tls', /altnames/);
    await refuses(labels(unknown), 'tls');
    assert.deepEqual(await labels(careless), ['__name__']);
    await refuses(labels(missing), 'credentials', /none cannot be read/);
    await refuses(labels(old), 'tls');
  });

  it('shows its certificate to the server, and another one once the files have changed', async () => {
    const read = (file: string): string => readFileSync(file, 'utf8');
    const tls = {
      ...{ cert: read(files('server').cert), key: read(files('server').key) },
      ca: read(folder.path('ca.crt')),
    };
    await using server = await startQueryServer({ series: SERIES, tls });
    const rotated = { cert: folder.path('rotated.crt'), key: folder.path('rotated.key') };
    const put = (name: string): void => {
      writeFileSync(rotated.cert, read(files(name).cert));
      writeFileSync(rotated.key, read(files(name).key));
    };
    const settings = {
      ...{ ...DEFAULT_TARGET, dialTimeoutMs: PATIENT, url: new URL(server.url) },
      tls: { ca: folder.path('ca.crt'), serverName: 'prometheus.internal', ...rotated },
    };
    let nowMs = 0;
    put('other');
    await using from = openTarget(settings, () => nowMs);

    await assert.rejects(labels(from), TargetError);
    put('client');
    nowMs += 10_000;
    assert.deepEqual(await labels(from), ['__name__']);
  });
});

describe('the proxy of a target', () => {
  async function startForwarder(): Promise<PlainServer & { readonly asked: string[] }> {
    const asked: string[] = [];
    const server = createServer(async (request, response) => {
      asked.push(`${request.headers['proxy-authorization']} ${request.method} ${request.url}`);
      const answer = await fetch(request.url!);
      response.end(Buffer.from(await answer.arrayBuffer()));
    });
    server.on('connect', (request, socket) => {
      asked.push(`${request.headers['proxy-authorization']} CONNECT ${request.headers['x-extra']}`);
      const [host, port] = request.url!.split(':');
      const onward = connect(Number(port), host);
      onward.on('error', () => socket.destroy());
      socket.on('error', () => onward.destroy());
      onward.once('connect', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.pipe(onward).pipe(socket);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
      asked,
      url: `http://user:pa%3Ass@127.0.0.1:${(server.address() as AddressInfo).port}`,
      connections: () => 0,
      closeIdle: () => server.closeIdleConnections(),
      [Symbol.asyncDispose]: async () => {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      },
    };
  }
  const credentials = `Basic ${Buffer.from('user:pa:ss').toString('base64')}`;

  it('is asked for plain targets, unless they are excepted', async () => {
    await using proxy = await startForwarder();
    await using server = await startQueryServer({ series: SERIES });
    const url = new URL(proxy.url);
    await using proxied = target(server.url, { proxy: { url, exceptFor: ['10.0.0.0/8', 'a.b'] } });
    for (const exception of ['127.0.0.1', '127.0.0.0/8', '*', `127.0.0.1:${server.port}`]) {
      await using direct = target(server.url, { proxy: { url, exceptFor: [exception] } });
      assert.deepEqual(await labels(direct), ['__name__']);
    }
    assert.deepEqual(proxy.asked, []);

    assert.deepEqual(await labels(proxied), ['__name__']);

    assert.deepEqual(proxy.asked, [
      `${credentials} GET ${server.url}/api/v1/labels?match%5B%5D=up`,
    ]);
  });

  it('connects to targets with TLS', async () => {
    using folder = new CertificateFolder();
    const { cert, key } = folder.selfSigned('server');
    const tls = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
    await using proxy = await startForwarder();
    await using server = await startQueryServer({ series: SERIES, tls });
    const settings = { url: new URL(proxy.url), exceptFor: [], connectHeaders: { 'X-Extra': 'e' } };
    await using from = target(server.url, { proxy: settings, tls: { ca: cert } });

    assert.deepEqual(await labels(from), ['__name__']);

    assert.deepEqual(proxy.asked, [`${credentials} CONNECT e`]);
  });
});
