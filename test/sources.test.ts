import assert from 'node:assert/strict';
import { once } from 'node:events';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { RouteTable } from '../src/discover/route-table.ts';
import { fixedTrust } from '../src/fetch/trust.ts';
import { type SourcesOptions, startSources } from '../src/sources.ts';
import { createLog } from '../src/telemetry/log.ts';
import { createMetrics } from '../src/telemetry/metrics.ts';
import { Authority } from './fetch/certificates.ts';
import { eventually } from './support/eventually.ts';
import { startNatsServer } from './support/nats-server.ts';
import { requireProgram } from './support/require-program.ts';

type Routes = SourcesOptions['routes'];

const NOTHING: Routes = {
  ...{ gorouter: [], nats: undefined, file: undefined, maxAgeMs: 120_000, requireTls: false },
};

/** Starts sources, and collects what the log says of those that fail. */
async function start(
  routes: Partial<Routes>,
  parts: AsyncDisposableStack,
  authorities: readonly string[] = [],
) {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string): unknown => lines.push(JSON.parse(line));
  const log = createLog({ level: 'info', destination: { write } });
  const metrics = createMetrics<never>({
    version: '1.2.3',
    failures: [],
    levels: () => ({
      table: { routes: 0, endpoints: 0, apps: 0 },
      pool: { used: 0, limit: 1, waiting: 0, bytesInFlight: 0, bytesLimit: 1 },
    }),
    knowsApp: () => true,
  });
  const options = {
    ...{ table: new RouteTable(), trust: fixedTrust({ ca: [] }), authorities },
    ...{ log, metrics, onRead: () => undefined, routes: { ...NOTHING, ...routes } },
  };
  const sources = await startSources(options, parts);
  return {
    sources,
    /** Why a source cannot be read. */
    why: () =>
      eventually('a warning', () => {
        const failed = lines.find(({ level }) => level === 'warn');
        return failed && String(failed['why']);
      }),
  };
}

describe('startSources', () => {
  it('names the key to set where the certificate of a gorouter is signed by a stranger', async function () {
    requireProgram(this, 'openssl');
    await using authority = await Authority.create();
    const server = https.createServer(await authority.issue('server', 'IP:127.0.0.1'));
    await using parts = new AsyncDisposableStack();
    parts.defer(() => void server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo; // no pipe: an address object
    const gorouter = {
      url: `https://127.0.0.1:${port}/routes`,
      ...{ username: undefined, password: undefined, tls: undefined },
      ...{ intervalMs: 15_000, maxBodyBytes: 1024 },
    };

    const { why } = await start({ gorouter: [gorouter] }, parts);

    assert.match(await why(), /: set routes\.gorouter\[0\]\.tls\.ca to the authority that signs/);
  });

  it('names the key to set where the certificate of NATS is signed by a stranger', async function () {
    requireProgram(this, 'openssl');
    await using authority = await Authority.create();
    const certificate = await authority.issue('server', 'IP:127.0.0.1');
    await using server = await startNatsServer(
      this,
      `tls { cert_file: "${certificate.certFile}", key_file: "${certificate.keyFile}" }`,
    );
    await using parts = new AsyncDisposableStack();
    const nats = {
      servers: [`tls://${server.address}`],
      ...{ username: undefined, password: undefined, tls: undefined },
      ...{ registerIntervalMs: 20_000, enough: undefined, greet: false },
    };

    const { why } = await start({ nats }, parts);

    assert.match(await why(), /: set routes\.nats\.tls\.ca to the authority that signs/);
  });

  it("trusts the platform's authorities for NATS, also where its URL alone asks for TLS", async function () {
    requireProgram(this, 'openssl');
    await using authority = await Authority.create();
    const certificate = await authority.issue('server', 'IP:127.0.0.1');
    await using server = await startNatsServer(
      this,
      `tls { cert_file: "${certificate.certFile}", key_file: "${certificate.keyFile}" }`,
    );
    await using parts = new AsyncDisposableStack();
    const nats = {
      servers: [`tls://${server.address}`],
      ...{ username: undefined, password: undefined, tls: undefined },
      ...{ registerIntervalMs: 20_000, enough: undefined, greet: false },
    };

    const { sources } = await start({ nats }, parts, [authority.ca]);

    await eventually('NATS to work', () => sources.nats?.works);
  });

  it('says why a file cannot be read', async () => {
    await using parts = new AsyncDisposableStack();
    const { why } = await start({ file: '/nowhere/routes.json' }, parts);

    assert.match(await why(), /^cannot read \/nowhere\/routes\.json: ENOENT: no such file/);
  });
});
