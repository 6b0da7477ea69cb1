import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { openCertificateExpiry } from '../../src/assemble/certificate-expiry.ts';
import { readConfig } from '../../src/config/config.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { CertificateFolder } from '../serve/openssl.ts';
import { recordLog } from '../support/promgate.ts';
import { samplesOf } from '../support/samples.ts';

const NAME = 'promgate_certificate_expiry_timestamp_seconds';

describe('openCertificateExpiry', () => {
  it('tells of each certificate that promgate presents when the first of its chain expires', async () => {
    using certificates = new CertificateFolder();
    const { cert, key } = certificates.selfSigned('own');
    const { cert: damaged } = certificates.selfSigned('damaged');
    const config = await readConfig({
      memoryBytes: 2 ** 30,
      values: {
        listen: { tls: { cert, key } },
        scrape: { tls: { ca: cert, cert, key } },
        routes: { gorouter: [{ url: 'https://127.0.0.1:1/routes', tls: { cert, key } }] },
        push: { remote_write: [{ url: 'https://127.0.0.1:1', name: 'r', tls: { cert, key } }] },
        redis: { url: 'rediss://127.0.0.1:1', tls: { ca: cert } },
      },
    });
    const registry = new MetricRegistry();
    await using parts = new AsyncDisposableStack();

    await openCertificateExpiry(config, { registry, log: recordLog().log }, parts);

    const pem = readFileSync(cert, 'utf8');
    const expiry = new X509Certificate(pem).validToDate.getTime() / 1000;
    const found = samplesOf(await registry.print(), NAME);
    assert.deepEqual(
      found.map(({ labels, value }) => [labels['certificate'], Number(value)]).sort(),
      [
        ['listen.tls.cert', expiry],
        ['push.remote_write[0].tls.cert', expiry],
        ['routes.gorouter[0].tls.cert', expiry],
        ['scrape.tls.cert', expiry],
      ],
    );
    writeFileSync(damaged, 'no certificate');
    const other = new MetricRegistry();
    const listen = {
      ...config.listen,
      tls: { certFile: damaged, keyFile: key, clientCaFile: undefined },
    };
    await openCertificateExpiry({ listen }, { registry: other, log: recordLog().log }, parts);
    assert.deepEqual(samplesOf(await other.print(), NAME), []);
  });
});
