import assert from 'node:assert/strict';
import { once } from 'node:events';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { type SourcesOptions, startSources } from '../../src/assemble/sources.ts';
import { RouteTable } from '../../src/discover/route-table.ts';
import { fixedTrust } from '../../src/fetch/trust.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { routeMetrics } from '../../src/telemetry/route-metrics.ts';
import { Authority } from '../fetch/certificates.ts';
import { closedAddress, serve } from '../fetch/instance-server.ts';
import { eventually } from '../support/eventually.ts';
import * as simulated from '../support/gorouter.ts';
import { startNatsServer } from '../support/nats-server.ts';
import { requireProgram } from '../support/require-program.ts';

type Routes = SourcesOptions['routes'];

const NOTHING: Routes = {
  ...{
    gorouter: [],
    nats: undefined,
    cfApi: undefined,
    file: undefined,
    maxAgeMs: 120_000,
    requireTls: false,
  },
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
  const metrics = routeMetrics(new MetricRegistry());
  const options = {
    ...{
      table: new RouteTable(),
      trust: fixedTrust({ ca: [] }),
      authorities: async () => authorities,
    },
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

    await eventually('NATS to work', () => sources[0]?.works);
  });

  it('names the keys to look at where the other side refuses, or is none', async function () {
    requireProgram(this, 'openssl');
    await using authority = await Authority.create();
    const { certFile, keyFile } = await authority.issue('server', 'IP:127.0.0.1');
    const tls = `tls { cert_file: "${certFile}", key_file: "${keyFile}"`;
    await using parts = new AsyncDisposableStack();
    const [locked, verifying] = [
      parts.use(await startNatsServer(this, 'authorization { user: u, password: right }')),
      parts.use(
        await startNatsServer(this, `${tls}, ca_file: "${authority.caFile}", verify: true }`),
      ),
    ];
    const gorouter = parts.use(await simulated.startGorouter({}));
    const clear = parts.use(await serve((_request, response) => void response.end()));
    const trusting = { caFile: authority.caFile, certFile: undefined, keyFile: undefined };
    const natsAt = (server: string, more: object = {}): Partial<Routes> => ({
      nats: {
        ...{ servers: [server], username: undefined, password: undefined, tls: undefined },
        ...{ registerIntervalMs: 20_000, enough: undefined, greet: false, ...more },
      },
    });
    const gorouterAt = (url: string, password: string): Partial<Routes> => ({
      gorouter: [
        {
          ...{ url, username: 'router-status', password, tls: undefined },
          ...{ intervalMs: 15_000, maxBodyBytes: 1024 },
        },
      ],
    });
    const cases: readonly [Partial<Routes>, RegExp][] = [
      [
        natsAt(`nats://${locked.address}`, { username: 'u', password: 'wrong' }),
        /: look at routes\.nats\.username and routes\.nats\.password$/,
      ],
      [natsAt(`tls://${locked.address}`), /it speaks no TLS there: look at routes\.nats\.servers$/],
      [
        natsAt(`tls://${verifying.address}`, { tls: trusting }),
        /: (?:set routes\.nats\.tls\.cert and routes\.nats\.tls\.key to a certificate that it accepts|look at routes\.nats\.servers)$/, // or its reset comes first
      ],
      [
        natsAt(`tls://localhost:${verifying.address.split(':')[1]}`, { tls: trusting }),
        /: write its name in routes\.nats\.servers as its certificate has it$/,
      ],
      [
        gorouterAt(gorouter.url, 'wrong'),
        /^answered 401 .*: look at routes\.gorouter\[0\]\.username and routes\.gorouter\[0\]\.password$/,
      ],
      [
        gorouterAt(`https://${clear.address}/routes`, ''),
        /it speaks no TLS there: look at routes\.gorouter\[0\]\.url$/,
      ],
      [
        gorouterAt(`http://${await closedAddress()}/routes`, ''),
        /: look at routes\.gorouter\[0\]\.url$/,
      ],
      [{ file: '/nowhere/routes.json' }, /: look at routes\.file$/],
    ];
    for (const [routes, expected] of cases) {
      await using sources = new AsyncDisposableStack();
      const { why } = await start(routes, sources);
      assert.match(await why(), expected);
    }
  });

  it('says why a file cannot be read', async () => {
    await using parts = new AsyncDisposableStack();
    const { why } = await start({ file: '/nowhere/routes.json' }, parts);

    assert.match(await why(), /^cannot read \/nowhere\/routes\.json: ENOENT: no such file/);
  });
});
