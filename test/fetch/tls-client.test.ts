/** A server that refuses promgate's client certificate, or demands one, gives the word tls-client. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { isGone } from '../../src/fetch/failure.ts';
import { fixedTrust } from '../../src/fetch/trust.ts';
import { CertificateFolder } from '../serve/openssl.ts';
import { ask, listen, openScraper } from './instance-server.ts';

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;

describe('a client certificate', () => {
  const folder = new CertificateFolder();
  const text = (name: string): string => readFileSync(folder.path(name), 'utf8');
  before(() => {
    folder.authority('ca');
    const extensions = ['subjectAltName=DNS:instance-guid'];
    folder.issued('cell', { by: 'ca', extensions });
    folder.issued('gorouter', { by: 'ca', extensions: ['extendedKeyUsage=clientAuth'] });
  });
  after(() => folder[Symbol.dispose]());

  /** A cell's proxy: it demands a certificate of its authority in the handshake itself. */
  const cell = (version: tls.SecureVersion, options: tls.TlsOptions = {}) =>
    listen(
      tls
        .createServer(
          {
            ...{ cert: text('cell.crt'), key: text('cell.key'), ca: text('ca.crt') },
            ...{ requestCert: true, minVersion: version, maxVersion: version },
            ...options,
          },
          (socket) => {
            socket.on('error', () => undefined);
            const body = 'a 1\n';
            const head = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}`;
            socket.once('data', () => socket.end(`${head}\r\n\r\n${body}`));
          },
        )
        .on('tlsClientError', () => undefined),
    );
  const answerOf = async (version: tls.SecureVersion, client?: string, options = {}) => {
    await using server = await cell(version, options);
    const own = client && { cert: text(`${client}.crt`), key: text(`${client}.key`) };
    const trust = fixedTrust({ ca: [text('ca.crt')], ...own });
    await using scraper = openScraper({ trust: { instances: trust, system: trust } });
    return await ask(scraper, server.address, { tls: true, serverName: 'instance-guid' });
  };

  for (const version of VERSIONS) {
    it(`that is missing is told as such with ${version}`, async () => {
      assert.equal(await answerOf(version, 'gorouter'), 'a 1\n');
      assert.equal(await answerOf(version), 'tls-client');
    });
  }

  it('is not the reason where the handshake fails before there are certificates', async () => {
    assert.equal(await answerOf('TLSv1.2', 'gorouter', { ciphers: 'ECDHE-RSA-AES128-SHA' }), 'tls');
  });

  it('says nothing of the address: the instance is still there', () => {
    assert.equal(isGone('tls-client'), false);
    assert.equal(isGone('tls'), true);
  });
});
