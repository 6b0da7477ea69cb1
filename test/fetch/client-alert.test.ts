/** The alerts of TLS that are about the client's certificate, as servers other than Node's send them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { on, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { isClientRefused } from '../../src/fetch/client-alert.ts';
import { fixedTrust } from '../../src/fetch/trust.ts';
import { CertificateFolder } from '../serve/openssl.ts';
import { ask, closedAddress, openScraper } from './instance-server.ts';

/** `openssl s_server`, which sends an alert for a certificate that it does not trust. */
async function startServer(folder: CertificateFolder, version: 'tls1_2' | 'tls1_3') {
  const address = await closedAddress();
  const [, port = ''] = address.split(':');
  const child = spawn('openssl', [
    ...['s_server', '-accept', `127.0.0.1:${port}`, `-${version}`, '-Verify', '2', '-www'],
    ...['-verify_return_error', '-CAfile', folder.path('ca.crt')],
    ...['-cert', folder.path('cell.crt'), '-key', folder.path('cell.key')],
  ]);
  child.stderr.resume();
  for await (const [line] of on(createInterface(child.stdout), 'line')) {
    if (line === 'ACCEPT') break;
  }
  child.stdout.resume();
  return {
    address,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

describe('isClientRefused', () => {
  const folder = new CertificateFolder();
  before(() => {
    for (const name of ['ca', 'other']) folder.authority(name);
    folder.issued('cell', { by: 'ca', extensions: ['subjectAltName=DNS:instance-guid'] });
    folder.issued('foreign', { by: 'other' });
    folder.issued('expired', {
      ...{ by: 'ca', from: new Date(Date.now() - 172_800_000) },
      until: new Date(Date.now() - 86_400_000),
    });
  });
  after(() => folder[Symbol.dispose]());

  for (const version of ['tls1_2', 'tls1_3'] as const) {
    for (const client of ['foreign', 'expired']) {
      it(`reads the alert for a certificate that is ${client}, with ${version}`, async () => {
        await using server = await startServer(folder, version);
        const [ca, cert, key] = ['ca.crt', `${client}.crt`, `${client}.key`].map((name) =>
          readFileSync(folder.path(name), 'utf8'),
        ) as [string, string, string];
        const trust = fixedTrust({ ca: [ca], cert, key });
        await using scraper = openScraper({ trust: { instances: trust, system: trust } });

        const more = { tls: true, serverName: 'instance-guid' };

        assert.equal(await ask(scraper, server.address, more), 'tls-client');
      });
    }
  }

  it('leaves other failures alone', () => {
    const coded = (code: string) => Object.assign(new Error(code), { code });
    for (const code of ['ERR_SSL_WRONG_VERSION_NUMBER', 'ECONNRESET', 'CERT_HAS_EXPIRED']) {
      assert.equal(isClientRefused(coded(code)), false, code);
    }
    assert.equal(isClientRefused(coded('ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE')), false);
    assert.equal(isClientRefused(coded('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA')), true);
  });
});
