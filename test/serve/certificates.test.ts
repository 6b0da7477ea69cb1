import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { get, type RequestOptions } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import type { ClientError } from '../../src/serve/connections.ts';
import type { Handler } from '../../src/serve/request.ts';
import { serveFrame } from './frame-server.ts';
import { type Certificate, CertificateFolder } from './openssl.ts';

const hello: Handler = (ctx) => {
  ctx.body = 'hello';
};
const ROUTES = [{ name: 'hello', path: '/hello', handle: hello }];

function files({ cert, key }: Certificate, clientCaFile?: string) {
  return { certFile: cert, keyFile: key, clientCaFile };
}

async function ask(url: string, options: RequestOptions): Promise<string> {
  const [answer] = await once(get(`${url}/hello`, { agent: false, ...options }), 'response');
  let text = '';
  for await (const chunk of answer) text += chunk;
  return text;
}

/** The common name of the certificate that a server shows. */
async function shownBy(port: number): Promise<unknown> {
  const socket: TLSSocket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return CN;
}

/** Looks at the files when the test says so. */
function looks() {
  let look: (() => void) | undefined;
  const waiting = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      look = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  return { waiting, look: () => look?.() };
}

describe('listening with TLS', () => {
  it('answers over TLS, and counts who does not speak it', async () => {
    using folder = new CertificateFolder();
    const own = folder.selfSigned('own');
    const reasons: ClientError[] = [];
    const counted = Promise.withResolvers<void>();
    await using site = await serveFrame(
      { routes: ROUTES },
      {
        tls: files(own),
        onClientError: (reason) => {
          reasons.push(reason);
          counted.resolve();
        },
      },
    );

    const ca = await readFile(own.cert);
    assert.equal(await ask(site.url, { ca }), 'hello');
    await assert.rejects(fetch(site.url.replace('https', 'http')));
    await counted.promise;

    assert.deepEqual(reasons, ['tls']);
  });

  it('lets in only clients whose certificate the CA signed, if there is one', async () => {
    using folder = new CertificateFolder();
    const own = folder.selfSigned('own');
    const client = folder.selfSigned('client');
    const stranger = folder.selfSigned('stranger');
    await using site = await serveFrame({ routes: ROUTES }, { tls: files(own, client.cert) });
    const as = async ({ cert, key }: Certificate) => ({
      ca: await readFile(own.cert),
      cert: await readFile(cert),
      key: await readFile(key),
    });

    assert.equal(await ask(site.url, await as(client)), 'hello');
    await assert.rejects(ask(site.url, await as(stranger)));
    await assert.rejects(ask(site.url, { ca: await readFile(own.cert) }));
  });

  it('shows a new certificate when its files change, and keeps the old one while they are wrong', async () => {
    using folder = new CertificateFolder();
    const own = folder.selfSigned('own');
    const renewed = folder.selfSigned('renewed');
    const { waiting, look } = looks();
    const reports: unknown[] = [];
    let reported = Promise.withResolvers<void>();
    await using site = await serveFrame(
      { routes: ROUTES },
      {
        tls: files(own),
        clock: { nowMs: () => 0, sleep: (_ms, signal) => waiting(signal) },
        onCertificates: (error) => {
          reports.push(error);
          reported.resolve();
        },
      },
    );
    assert.equal(await shownBy(site.port), 'own');

    copyFileSync(renewed.cert, own.cert); // the key has not followed yet
    look();
    await reported.promise;
    assert.ok(reports[0] instanceof Error);
    assert.equal(await shownBy(site.port), 'own');

    reported = Promise.withResolvers();
    copyFileSync(renewed.key, own.key);
    look();
    await reported.promise;
    assert.deepEqual(reports.slice(1), [undefined]);
    assert.equal(await shownBy(site.port), 'renewed');
  });

  it('does not start with a certificate that cannot be used', async () => {
    using folder = new CertificateFolder();
    const own = folder.selfSigned('own');
    const other = folder.selfSigned('other');
    const tls = { certFile: own.cert, keyFile: other.key };

    await assert.rejects(serveFrame({ routes: ROUTES }, { tls }), /key values mismatch/);
    const nobody = files(own, own.key);
    await assert.rejects(serveFrame({ routes: ROUTES }, { tls: nobody }), /holds no certificate/);
  });
});
