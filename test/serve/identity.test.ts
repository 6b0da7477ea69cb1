/** Chains of instance identities: their ways to a root, their times, and what changes meanwhile. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import fc from 'fast-check';
import { requireCredential } from '../../src/serve/auth.ts';
import { IdentityAuthorities, IdentityError } from '../../src/serve/identity.ts';
import { watchAuthorities } from '../../src/serve/identity-authorities.ts';
import { readForwarded } from '../../src/serve/identity-header.ts';
import { IdentityReaders } from '../../src/serve/identity-readers.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { IdentityChain } from '../support/identity-chain.ts';
import { serveFrame } from './frame-server.ts';

const OWNER = {
  app: '00000000-0000-4000-8000-00000000000a',
  space: '00000000-0000-4000-8000-00000000000b',
  organization: '00000000-0000-4000-8000-00000000000c',
};
const IDENTITY = { appId: OWNER.app, spaceId: OWNER.space };
const HOUR_MS = 3_600_000;

function leafOf(chain: IdentityChain, name: string): X509Certificate {
  return new X509Certificate(chain.pem(name));
}

/** The identity, or the word why there is none. */
function verdict(
  authorities: IdentityAuthorities,
  leaf: X509Certificate,
  nowMs = Date.now(),
): unknown {
  try {
    return authorities.identityOf(leaf, nowMs);
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    return error.failure;
  }
}

describe('IdentityAuthorities', function () {
  this.timeout(60_000);
  let chain: IdentityChain;
  before(() => {
    chain = new IdentityChain();
    chain.instance('shop', OWNER);
  });
  after(() => chain[Symbol.dispose]());

  it('need the authority that issues the identities, and the root above it', () => {
    const leaf = leafOf(chain, 'shop');
    const both = new IdentityAuthorities(readFileSync(chain.authorities, 'utf8'));

    assert.deepEqual(verdict(both, leaf), IDENTITY);
    assert.equal(verdict(new IdentityAuthorities(chain.pem('root')), leaf), 'unknown-issuer');
    assert.equal(
      verdict(new IdentityAuthorities(chain.pem('identity-ca')), leaf),
      'unknown-issuer',
    );
    assert.throws(() => new IdentityAuthorities('no PEM'));
    assert.throws(() => new IdentityAuthorities(chain.pem('root').replaceAll('M', '!')));
  });

  it('check the time of the leaf and of each authority, each time anew', () => {
    const now = Date.now();
    const at = (hours: number): Date => new Date(now + hours * HOUR_MS);
    chain.authority('short-root', { from: at(-9), until: at(3) });
    chain.authority('short-ca', { by: 'short-root', from: at(-9), until: at(2) });
    chain.instance('short', OWNER, { by: 'short-ca', from: at(-1), until: at(1) });
    chain.instance('long', OWNER, { by: 'short-ca', from: at(-1), until: at(20) });
    const own = new IdentityAuthorities(chain.pem('short-ca') + chain.pem('short-root'));
    const verdicts = (name: string, ...hours: number[]): unknown[] =>
      hours.map((hour) => verdict(own, leafOf(chain, name), at(hour).getTime()));

    assert.deepEqual(verdicts('short', -2, 0, 1.5), ['not-yet-valid', IDENTITY, 'expired']);
    assert.deepEqual(verdicts('long', 0, 2.5, 3.5), [
      IDENTITY,
      ...Array(2).fill('authority-expired'),
    ]);
  });

  it('take a leaf of the old and of the new authority while one replaces the other', () => {
    using old = new IdentityChain();
    old.instance('shop', OWNER);
    const both = readFileSync(old.authorities, 'utf8') + readFileSync(chain.authorities, 'utf8');
    const authorities = new IdentityAuthorities(both);

    assert.deepEqual(verdict(authorities, leafOf(old, 'shop')), IDENTITY);
    assert.deepEqual(verdict(authorities, leafOf(chain, 'shop')), IDENTITY);
  });

  it('do not follow authorities that issue each other for ever', () => {
    chain.authority('x', { subject: '/CN=x' });
    chain.authority('y', { by: 'x', subject: '/CN=y' });
    const [key, cert] = [readFileSync(chain.path('x.key')), readFileSync(chain.path('x.crt'))];
    chain.authority('x', { by: 'y', subject: '/CN=x' });
    writeFileSync(chain.path('x-first.crt'), cert);
    writeFileSync(chain.path('x-first.key'), key);
    chain.instance('looped', OWNER, { by: 'y', extensions: ['authorityKeyIdentifier=none'] });

    const loop = new IdentityAuthorities(chain.pem('x') + chain.pem('y'));

    assert.match(
      String(verdict(loop, leafOf(chain, 'looped'))),
      /^(?:unknown-issuer|bad-signature)$/,
    );
  });

  it('are read again when their file changes, and stay if the file is damaged', async () => {
    const clock = fakeClock();
    const file = chain.path('watched.pem');
    writeFileSync(file, chain.pem('root'));
    const changes: unknown[] = [];
    let changed = Promise.withResolvers<void>();
    const onChange = (error?: unknown): void => {
      changes.push(error);
      changed.resolve();
    };
    await using watched = await watchAuthorities(file, { onChange, clock });
    const seen = async (text: string): Promise<unknown> => {
      changed = Promise.withResolvers();
      writeFileSync(file, text);
      await clock.advance(10_000);
      await changed.promise;
      return verdict(watched.current(), leafOf(chain, 'shop'));
    };

    assert.equal(verdict(watched.current(), leafOf(chain, 'shop')), 'unknown-issuer');
    assert.deepEqual(await seen(readFileSync(chain.authorities, 'utf8')), IDENTITY);
    assert.deepEqual(await seen('half a certific'), IDENTITY);

    assert.equal(changes[0], undefined);
    assert.match(String(changes[1]), /auth\.identity\.ca/);
  });
});

describe('IdentityReaders', function () {
  this.timeout(60_000);

  it('refuse a certificate that expires while its connection lasts, and end the connection', async () => {
    using chain = new IdentityChain();
    const own = chain.named('promgate', 'promgate.example.com', 'root');
    const { cert, key } = chain.instance('shop', OWNER);
    const authorities = new IdentityAuthorities(readFileSync(chain.authorities, 'utf8'));
    let nowMs = Date.now();
    const refused: string[] = [];
    const readers = new IdentityReaders({
      ...{ authorities: () => authorities, gorouterName: '', envoyDomains: [] },
      ...{ nowMs: () => nowMs, onRefused: (word) => refused.push(word) },
    });
    const admit = requireCredential({
      ...{ mode: 'basic', operators: [], identities: readers },
      tokens: { scopeOf: async () => undefined },
    });
    const handle = (ctx: { body: unknown; state: { scope: unknown } }): void => {
      ctx.body = Buffer.from(JSON.stringify(ctx.state.scope));
    };
    await using site = await serveFrame(
      { admit, routes: [{ name: 'x', path: '/x', handle }] },
      { tls: { certFile: own.cert, keyFile: own.key, asksClients: true } },
      (listener) => readers.through('tls', listener),
    );
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    const ask = (): Promise<[number | undefined, string | undefined, string]> =>
      new Promise((resolve, reject) => {
        const ca = readFileSync(chain.path('root.crt'));
        const mine = { cert: readFileSync(cert), key: readFileSync(key), servername: 'localhost' };
        const sent = request(`${site.url}/x`, { agent, ca, ...mine }, (answer) => {
          ports.add(answer.socket.localPort);
          let text = '';
          answer.on('data', (piece) => {
            text += piece;
          });
          answer.on('end', () => resolve([answer.statusCode, answer.headers.connection, text]));
        });
        sent.on('error', reject);
        sent.end();
      });

    const first = await ask();
    nowMs += 2 * 24 * HOUR_MS;
    const second = await ask();

    assert.deepEqual(first, [200, 'keep-alive', JSON.stringify({ spaceId: OWNER.space })]);
    assert.deepEqual(second.slice(0, 2), [401, 'close']);
    assert.equal(JSON.parse(second[2]).failure, 'expired');
    assert.equal(ports.size, 1); // on the same connection
    assert.deepEqual(refused, ['expired']);
    agent.destroy();
  });
});

describe('readForwarded', () => {
  it('answers any text with a word', () => {
    const pieces = fc.constantFrom(
      ...['Hash=', 'Subject=', '"', '\\', ';', ',', 'OU=app:', '=', 'MII', '/', '+', ' ', 'é'],
      ...[OWNER.app, 'a'.repeat(64), 'CN=x'],
    );
    const text = fc.oneof(
      fc.array(pieces, { maxLength: 20 }).map((all) => all.join('')),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 2 }), fc.boolean(), (headers, allowsEnvoy) => {
        try {
          assert.equal(readForwarded(headers, allowsEnvoy), undefined);
          assert.ok(headers.length <= 1 && (headers[0] ?? '').trim() === '');
        } catch (error) {
          assert.ok(error instanceof IdentityError);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('reads a long text of quotes and backslashes in a moment', () => {
    for (const text of [`Hash="${'\\'.repeat(16_000)}`, `Hash=${'"'.repeat(15_999)}`]) {
      assert.throws(() => readForwarded([text], true), IdentityError);
    }
  });
});
