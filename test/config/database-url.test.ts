import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DatabaseUrlError, parseDatabaseUrl } from '../../src/config/database-url.ts';

const server = {
  host: 'db.example',
  port: 1234,
  user: 'me',
  password: 'secret',
  database: 'promgate',
  tlsMode: undefined,
};

describe('parseDatabaseUrl', () => {
  for (const [url, file] of [
    ['sqlite:promgate.db', 'promgate.db'],
    ['SQLite:promgate.db', 'promgate.db'],
    ['sqlite:/var/lib/a b%20?.db', '/var/lib/a b%20?.db'],
    ['sqlite:///var/lib/promgate.db', '/var/lib/promgate.db'],
    ['sqlite::memory:', ':memory:'],
  ] as const) {
    it(`reads ${url} as the file ${file}`, () => {
      assert.deepEqual(parseDatabaseUrl(url), { engine: 'sqlite', file });
    });
  }

  for (const [scheme, engine] of [
    ['postgres', 'postgres'],
    ['postgresql', 'postgres'],
    ['mysql', 'mysql'],
    ['mysql2', 'mysql'],
    ['mariadb', 'mysql'],
  ] as const) {
    it(`reads ${scheme}:// as ${engine}`, () => {
      const url = `${scheme}://me:secret@db.example:1234/promgate?reconnect=true`;

      assert.deepEqual(parseDatabaseUrl(url), { ...server, engine });
    });
  }

  it('reads an address without port and password, and one of IPv6', () => {
    const address = parseDatabaseUrl('mysql://me@[::1]/promgate');

    assert.deepEqual(address, {
      ...server,
      engine: 'mysql',
      host: '::1',
      port: undefined,
      password: '',
    });
  });

  it('decodes any user, password and database', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 });
    const name = text.filter((one) => !/^\.{1,2}$/.test(one)); // steps of a path, which no URL can name
    fc.assert(
      fc.property(text, text, name, (user, password, database) => {
        const [u, p, d] = [user, password, database].map(percentEncoded);

        const address = parseDatabaseUrl(`postgres://${u}:${p}@db.example:1234/${d}`);

        assert.deepEqual(address, { ...server, engine: 'postgres', user, password, database });
      }),
    );
  });

  for (const [query, tlsMode] of [
    ['sslmode=disable', 'disable'],
    ['sslmode=prefer', undefined],
    ['sslmode=require', 'require'],
    ['sslmode=verify-ca', 'verify-ca'],
    ['connect_timeout=5&sslmode=verify-full', 'verify-full'],
    ['ssl-mode=VERIFY_IDENTITY', 'verify-full'],
    ['sslMode=REQUIRED', 'require'],
    ['useSSL=true', 'require'],
    ['tls=skip-verify', 'require'],
    ['ssl=false', 'disable'],
  ] as const) {
    it(`reads ?${query} as ${tlsMode ?? 'nothing said of TLS'}`, () => {
      const address = parseDatabaseUrl(`mysql://me:secret@db.example:1234/promgate?${query}`);

      assert.deepEqual(address, { ...server, engine: 'mysql', tlsMode });
    });
  }

  for (const [url, fault] of [
    ['', 'has no scheme'],
    ['promgate.db', 'has no scheme'],
    ['oracle://me:secret@db.example/promgate', 'has the scheme oracle'],
    ['sqlite:', 'names no file'],
    ['sqlite://promgate.db', 'names a host for a file'],
    ['postgres://me:secret@db.example', 'names no database'],
    ['postgres://me:secret@db.example/', 'names no database'],
    ['postgres://db.example/promgate', 'names no user'],
    ['postgres://me:secret@/promgate', 'cannot be understood'],
    ['postgres://me:secret@db.example:port/promgate', 'cannot be understood'],
    ['postgres:promgate', 'cannot be understood'],
    ['mysql://me:secret%@db.example/promgate', 'holds a % that begins no'],
  ] as const) {
    it(`says that ${url || 'an empty one'} ${fault}, what is allowed, and no password`, () => {
      assert.throws(
        () => parseDatabaseUrl(url),
        (error) => {
          assert.ok(error instanceof DatabaseUrlError);
          assert.match(error.message, new RegExp(`the database URL ${fault}`));
          assert.match(error.message, /allowed are sqlite:<file>, postgres:\/\/.* and mysql:\/\//);
          const all = Object.getOwnPropertyNames(error).map((name) => Reflect.get(error, name));
          assert.doesNotMatch(String(all), /secret/);
          return true;
        },
      );
    });
  }
});

/** As strictly as can be: `encodeURIComponent` leaves some as they are. */
function percentEncoded(text: string): string {
  return Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}
