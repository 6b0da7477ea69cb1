/** Connections to database servers that are encrypted, and whom they trust. */
import assert from 'node:assert/strict';
import { StoreAwayError } from '../../broker/binding-store.ts';
import { openBindingStore } from '../../src/store/database.ts';
import type { DatabaseTls } from '../../src/store/tls.ts';
import { Authority } from '../fetch/certificates.ts';
import type { DatabaseServer } from '../support/database-server.ts';
import { SLOW_MS } from '../support/limits.ts';
import { startMariadbServer } from '../support/mariadb-server.ts';
import { startPostgresServer } from '../support/postgres-server.ts';
import { requireProgram } from '../support/require-program.ts';

const ENGINES = [
  {
    engine: 'PostgreSQL',
    start: startPostgresServer,
    encrypted: `select 1 from pg_stat_ssl natural join pg_stat_activity
      where ssl and application_name = 'promgate'`,
  },
  {
    engine: 'MySQL',
    start: startMariadbServer,
    encrypted: `select 1 from information_schema.global_status
      where variable_name = 'ssl_finished_accepts' and variable_value > 0`,
  },
];

for (const { engine, start, encrypted } of ENGINES) {
  describe(`openBindingStore of ${engine} with TLS`, function () {
    this.timeout(SLOW_MS);

    let authority: Authority;
    let namesHost: DatabaseServer;
    let namesAddress: DatabaseServer;
    const isEncrypted = async (server: DatabaseServer, url: string): Promise<boolean> =>
      (await server.run(url, [encrypted])).length > 0;

    before(async function () {
      requireProgram(this, 'openssl');
      authority = await Authority.create();
      const issued = async (name: string, san: string): Promise<DatabaseServer> =>
        start(this, { tls: await authority.issue(name, san) });
      namesHost = await issued('host', 'DNS:localhost');
      namesAddress = await issued('address', 'IP:127.0.0.1');
    });
    after(async () => {
      await namesHost?.[Symbol.asyncDispose]();
      await namesAddress?.[Symbol.asyncDispose]();
      await authority?.[Symbol.asyncDispose]();
    });

    it('connects in the clear unless it is told otherwise', async () => {
      const url = await namesHost.freshDatabase();
      await using _ = await openBindingStore({ url });

      assert.equal(await isEncrypted(namesHost, url), false);
    });

    it('encrypts without trust when the URL requires no more', async () => {
      const url = await namesHost.freshDatabase();
      await using _ = await openBindingStore({ url: `${url}?sslmode=require` });

      assert.equal(await isEncrypted(namesHost, url), true);
    });

    it('trusts a certificate that names the host, or its address', async () => {
      const tls = { ca: authority.ca };
      const host = (await namesHost.freshDatabase()).replace('127.0.0.1', 'localhost');
      const address = await namesAddress.freshDatabase();
      await using _host = await openBindingStore({ url: host, tls });
      await using _address = await openBindingStore({ url: address, tls: { ca: [authority.ca] } });

      assert.equal(await isEncrypted(namesAddress, address), true);
    });

    it('needs no name when the URL asks for the authority alone', async () => {
      const url = await namesHost.freshDatabase();
      await using store = await openBindingStore({
        url: `${url}?sslmode=verify-ca`,
        tls: { ca: authority.ca },
      });

      assert.equal(await store.instance('i'), undefined);
    });

    it('trusts no certificate of another host, nor of an unknown authority', async () => {
      const [host, address] = [await namesHost.freshDatabase(), await namesAddress.freshDatabase()];
      const tls = { ca: authority.ca };
      const cases: readonly [url: string, tls: DatabaseTls | undefined][] = [
        [host, tls], // it is called by its address, and names localhost
        [address.replace('127.0.0.1', 'localhost'), tls],
        [address, {}],
        [`${address}?sslmode=verify-full`, undefined],
        [`${address}?sslmode=verify-ca`, undefined],
        [`${address}?sslmode=disable`, {}],
      ];

      for (const [url, tls] of cases) {
        await assert.rejects(openBindingStore({ url, tls }), (error) => {
          assert.ok(error instanceof StoreAwayError);
          assert.match(error.message, /certificate|altnames/i);
          return true;
        });
      }
    });
  });
}
