/** TLS of the sources: to gorouter, to NATS, and to endpoints in doubt. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFile } from 'node:fs/promises';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { connect } from '@nats-io/transport-node';
import { type ClientTls, isUntrusted } from '../../src/discover/client-tls.ts';
import { dialTls } from '../../src/discover/dial.ts';
import { startGorouter } from '../../src/discover/gorouter.ts';
import type { Endpoint } from '../../src/discover/instance.ts';
import { startNats } from '../../src/discover/nats-source.ts';
import { RouteTable } from '../../src/discover/route-table.ts';
import { Authority, type Certificate } from '../fetch/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { startNatsServer } from '../support/nats-server.ts';
import { requireProgram } from '../support/require-program.ts';
import { app, endpoints, listing } from './endpoints.ts';
import { seen } from './seen.ts';

describe('TLS of the route sources', () => {
  let authority: Authority;
  let server: Certificate;
  let client: Certificate;

  before(async function () {
    requireProgram(this, 'openssl');
    authority = await Authority.create();
    server = await authority.issue('server', 'IP:127.0.0.1,DNS:instance-guid');
    client = await authority.issue('client', 'DNS:promgate');
  });
  after(async () => authority?.[Symbol.asyncDispose]());

  const never = new AbortController().signal;
  const neverDial = (): Promise<boolean> => Promise.resolve(false);

  describe('startGorouter', () => {
    it('shows a certificate, and trusts the authorities it is given', async () => {
      await using gorouter = await listen(
        https.createServer(
          { ...server, ca: authority.ca, requestCert: true, rejectUnauthorized: true },
          (_request, response) => response.end('{}'),
        ),
      );
      const files = { certFile: client.certFile, keyFile: client.keyFile };
      const results: string[] = [];
      const untrusted: boolean[] = [];
      const cases: readonly ClientTls[] = [
        { caFile: authority.caFile, ...files },
        { ca: [authority.ca], ...files },
        { ca: [authority.ca] },
        files,
        { caFile: '/nowhere' },
      ];
      for (const tlsOptions of cases) {
        const told = seen();
        const url = `https://${gorouter.address}/routes`;
        const options = { url, tls: tlsOptions, clock: fakeClock() };
        await using _ = startGorouter(options, new RouteTable(), told.observers);
        results.push(await eventually('the poll', () => told.polls[0]));
        untrusted.push(told.errors.some(isUntrusted));
      }

      assert.deepEqual(results, ['new', 'new', 'unreachable', 'unreachable', 'internal']);
      assert.deepEqual(untrusted, [false, false, false, true, false]);
    });
  });

  describe('startNats', () => {
    it('shows a certificate, and reads it again for each connection', async function () {
      const nats = await startNatsServer(
        this,
        `tls { cert_file: "${server.certFile}", key_file: "${server.keyFile}",
               ca_file: "${authority.caFile}", verify: true }`,
      );
      await using _server = nats;
      const [certFile, keyFile] = ['rotated.crt', 'rotated.key'].map((name) =>
        path.join(authority.directory, name),
      );
      assert.ok(certFile && keyFile);
      await using stranger = await Authority.create();
      const unknown = await stranger.issue('client', 'DNS:promgate');
      await copyFile(unknown.certFile, certFile);
      await copyFile(unknown.keyFile, keyFile);
      const [told, table, clock] = [seen(), new RouteTable(), fakeClock()];
      const tlsOptions = { caFile: authority.caFile, certFile, keyFile };
      await using _source = startNats(
        { servers: [`tls://${nats.address}`], tls: tlsOptions, clock, dial: neverDial },
        table,
        told.observers,
      );
      await eventually('the refusal', () => told.states[0]);
      assert.deepEqual(told.states, ['unreachable']);

      await copyFile(client.certFile, certFile);
      await copyFile(client.keyFile, keyFile);
      await eventually('the connection', async () => {
        await clock.advance(1000);
        return told.states[1];
      });
      const { cert, key } = client;
      const emitterTls = { ca: authority.ca, cert, key, host: '127.0.0.1' };
      await using emitter = await connect({ servers: nats.address, tls: emitterTls });
      const message = { host: '10.0.0.1', port: 80, uris: ['r.example.com'] };
      emitter.publish('router.register', JSON.stringify(message));

      await eventually('the route', () => table.byRoute('r.example.com')[0]);
      assert.deepEqual(listing(table), { 'r.example.com': ['10.0.0.1:80'] });
    });

    it('does not speak to a server with an unknown authority or another name', async function () {
      await using nats = await startNatsServer(
        this,
        `tls { cert_file: "${server.certFile}", key_file: "${server.keyFile}" }`,
      );
      await using stranger = await Authority.create();
      const port = nats.address.split(':')[1];
      const cases: readonly [address: string, ca: string, state: string][] = [
        [`tls://${nats.address}`, stranger.ca, 'unreachable'],
        [`tls://localhost:${port}`, authority.ca, 'unreachable'],
        [`tls://${nats.address}`, authority.ca, 'works'],
      ];
      for (const [address, ca, state] of cases) {
        const told = seen();
        const options = { servers: [address], tls: { ca: [ca] }, clock: fakeClock() };
        await using _ = startNats(
          { ...options, dial: neverDial },
          new RouteTable(),
          told.observers,
        );
        assert.equal(await eventually('an answer', () => told.states[0]), state);
        assert.equal(told.errors.some(isUntrusted), ca === stranger.ca);
      }
    });

    it('does not speak without TLS where TLS is configured', async function () {
      await using nats = await startNatsServer(this);
      for (const options of [
        { servers: [nats.address], tls: {} },
        { servers: [`tls://${nats.address}`] },
      ]) {
        const told = seen();
        const clock = fakeClock();
        await using _ = startNats(
          { ...options, clock, dial: neverDial },
          new RouteTable(),
          told.observers,
        );
        assert.equal(await eventually('an answer', () => told.states[0]), 'unreachable');
      }
    });
  });

  describe('dialTls', () => {
    const dialed = (
      address: string,
      serverCertDomainSan: string,
      ca?: string,
    ): Promise<boolean> => {
      const [endpoint] = endpoints(app('x', [address], { tls: true }));
      assert.ok(endpoint);
      const context = tls.createSecureContext({ ca: ca ?? authority.ca });
      const asked: Endpoint = { ...endpoint, serverCertDomainSan };
      return dialTls(() => Promise.resolve(context))(asked, never);
    };

    it('believes who shows the name and is signed by an authority', async () => {
      const names: string[] = [];
      const SNICallback: tls.TlsOptions['SNICallback'] = (name, done) => {
        names.push(name);
        done(null);
      };
      const listener = tls.createServer({ ...server, SNICallback }, (socket) => {
        socket.on('error', () => undefined); // the dial ends the connection as it likes
      });
      await using instance = await listen(listener);
      await using stranger = await Authority.create();
      const { address } = instance;

      assert.equal(await dialed(address, 'instance-guid'), true);
      assert.equal(await dialed(address, ''), true);
      assert.equal(await dialed(address, 'another-guid'), false);
      assert.equal(await dialed(address, 'instance-guid', stranger.ca), false);
      assert.deepEqual(names, ['instance-guid', 'another-guid', 'instance-guid']);
    });

    it('does not believe who refuses or speaks no TLS', async () => {
      const other = https.createServer({ ...server });
      const { address } = await listen(other);
      other.close();
      await once(other, 'close');
      assert.equal(await dialed(address, 'instance-guid'), false);

      await using plain = await listen(
        tls.createServer({}, () => undefined), // no certificate: every handshake fails
      );
      assert.equal(await dialed(plain.address, 'instance-guid'), false);
    });

    it('gives up at once when it is told to', async () => {
      const [endpoint] = endpoints(app('x', ['127.0.0.1:1'], { tls: true }));
      assert.ok(endpoint);
      const context = tls.createSecureContext({ ca: authority.ca });

      assert.equal(await dialTls(async () => context)(endpoint, AbortSignal.abort()), false);
    });
  });
});

interface Listening extends AsyncDisposable {
  readonly address: string;
}

async function listen(server: tls.Server): Promise<Listening> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // no pipe: an address object
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      if (server instanceof https.Server) server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
