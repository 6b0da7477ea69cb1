/** The instance identity is read again when it rotates, and half a new pair is never used. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import {
  IdentityError,
  identityExpiry,
  identityTrust,
  settingsFailure,
} from '../../src/fetch/instance-identity.ts';
import type { Trust } from '../../src/fetch/trust.ts';
import { IdentityChain } from '../support/identity-chain.ts';
import { ask, openScraper } from './instance-server.ts';

const WHO = { app: 'a', space: 's', organization: 'o' };
const NAMES = ['first', 'second'] as const;

describe('identityTrust', () => {
  const chain = new IdentityChain();
  const folder = mkdtempSync(path.join(tmpdir(), 'promgate-identity-'));
  const files = {
    certFile: path.join(folder, 'instance.crt'),
    keyFile: path.join(folder, 'instance.key'),
  };
  const certificates = new Map<string, { readonly cert: string; readonly key: string }>();
  let nowMs = 0;
  let errors: Error[] = [];
  before(() => {
    for (const name of NAMES) certificates.set(name, chain.instance(name, WHO));
    chain.named('router', 'router.example.com', 'root');
  });
  after(() => {
    chain[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    errors = [];
    put('first', 'key');
    put('first', 'cert');
  });

  /** As the cell does it: a new file in the place of the old one. */
  function put(name: string, part: 'cert' | 'key'): void {
    const to = part === 'cert' ? files.certFile : files.keyFile;
    copyFileSync(certificates.get(name)![part], `${to}.new`); // made before
    renameSync(`${to}.new`, to);
  }
  const open = (pause: () => Promise<void> = async () => undefined): Trust =>
    identityTrust(files, {
      ...{ ca: [chain.pem('root')], pause, nowMs: () => nowMs },
      onError: (error) => errors.push(error),
    });

  /** Whom a server sees; '' if it gets no certificate. */
  async function seenBy(context: tls.SecureContext): Promise<string> {
    const server = tls.createServer({
      ...{ cert: chain.pem('router'), requestCert: true, rejectUnauthorized: false },
      key: await import('node:fs').then(({ readFileSync }) =>
        readFileSync(chain.path('router.key')),
      ),
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as import('node:net').AddressInfo; // as always for a port
    const name = { servername: 'router.example.com' };
    const client = tls.connect({ host: '127.0.0.1', port, secureContext: context, ...name });
    const [socket] = (await once(server, 'secureConnection')) as [tls.TLSSocket];
    const raw = socket.getPeerX509Certificate();
    client.destroy();
    socket.destroy();
    server.close();
    return raw ? (/CN=(\S+)/.exec(new X509Certificate(raw.raw).subject)?.[1] ?? '') : '';
  }

  it('shows the certificate of the files, and the new one after a rotation', async () => {
    const trust = open();
    assert.equal(await seenBy(await trust.context()), 'first');

    put('second', 'key');
    put('second', 'cert');
    nowMs += 1000;

    assert.equal(await seenBy(await trust.context()), 'second');
    assert.deepEqual(errors, []);
  });

  it('keeps the old pair while only the key is new, and takes the new one once it is whole', async () => {
    const trust = open();
    const first = await trust.context();

    put('second', 'key');
    nowMs += 1000;
    assert.equal(await trust.context(), first);
    nowMs += 1000;
    assert.equal(await trust.context(), first);
    assert.equal(errors.length, 1, 'one report for one state of the files');

    put('second', 'cert');
    nowMs += 1000;
    assert.equal(await seenBy(await trust.context()), 'second');
  });

  it('reads a pair again that does not match, also the first one', async () => {
    put('second', 'key');
    let pauses = 0;
    const trust = open(async () => {
      pauses += 1;
      if (pauses === 3) put('second', 'cert');
    });

    assert.equal(await seenBy(await trust.context()), 'second');
    assert.equal(pauses, 3);
    assert.deepEqual(errors, []);
  });

  it('fails the connection alone while there is no pair, whatever the files hold', async () => {
    for (const [cert, key] of [
      ['', ''],
      ['no PEM', 'no PEM'],
      [chain.pem('first').slice(0, 99), 'x'],
    ]) {
      writeFileSync(files.certFile, cert ?? '');
      writeFileSync(files.keyFile, key ?? '');
      const trust = open();

      await assert.rejects(trust.context(), IdentityError);
      await using scraper = openScraper({
        trust: { instances: trust, system: trust, identity: trust },
      });
      const more = { tls: true, trust: 'identity', via: 'identity' } as const;
      assert.equal(await ask(scraper, '127.0.0.1:9', more), 'tls-client');
    }
    rmSync(files.keyFile);
    await assert.rejects(open().context(), IdentityError);
    assert.equal(settingsFailure(new Error('else')), 'tls');
  });

  it('lets connections with the old certificate end', async () => {
    const trust = open();
    const first = await trust.context();
    put('second', 'key');
    put('second', 'cert');
    nowMs += 1000;

    assert.equal(trust.latest(), first); // the look has begun
    const second = await trust.context();

    assert.notEqual(second, first);
    assert.equal(trust.latest(), second);
  });

  it('reads the file of authorities again when it changes, too', async () => {
    const caFile = path.join(folder, 'ca.pem');
    writeFileSync(caFile, chain.pem('root'));
    const trust = identityTrust(files, {
      ...{ ca: [], caFile, nowMs: () => nowMs, onError: (error: Error) => void errors.push(error) },
    });
    const first = await trust.context();

    writeFileSync(caFile, chain.pem('root') + chain.pem('identity-ca'));
    nowMs += 1000;

    assert.notEqual(await trust.context(), first);
    assert.deepEqual(errors, []);
  });

  it('tells until when the certificate is valid', async () => {
    const expiry = await identityExpiry(files);

    assert.ok(expiry.getTime() > Date.now());
  });
});
