import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { databaseAdvice } from '../../src/assemble/database-advice.ts';
import { closedAddress } from '../fetch/instance-server.ts';
import { openStore } from '../store/open-store.ts';
import { startPostgresServer } from '../support/postgres-server.ts';

/** What is told of a database that cannot be opened. */
async function adviceFor(url: string, tls?: object): Promise<string | undefined> {
  try {
    await using _ = await openStore({ url, tls });
  } catch (error) {
    return databaseAdvice(error);
  }
  throw new Error('it was opened');
}

describe('databaseAdvice', () => {
  it('names the key for a file that cannot be opened', async () => {
    await using parts = new AsyncDisposableStack();
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-advice-'));
    parts.defer(() => rm(folder, { recursive: true }));
    const damaged = path.join(folder, 'damaged.db');
    await writeFile(damaged, 'x'.repeat(10_000));

    assert.match((await adviceFor(`sqlite:${folder}`)) ?? '', /the file in database\.url/);
    assert.match((await adviceFor('sqlite:/no/such/folder/x.db')) ?? '', /file in database\.url/);
    assert.match((await adviceFor(`sqlite:${damaged}`)) ?? '', /database\.url is no database/);
  });

  it('names the key for a server that is not there', async () => {
    const address = await closedAddress();

    for (const scheme of ['postgres', 'mysql']) {
      const advice = (await adviceFor(`${scheme}://u:secret@${address}/x`)) ?? '';
      assert.match(advice, /host and port in database\.url/);
    }
    assert.match((await adviceFor('mysql://u@no-such-host.invalid/x')) ?? '', /database\.url: its/);
  });

  it('names the key for a server that refuses', async function () {
    await using server = await startPostgresServer(this);
    const url = await server.freshDatabase();
    const changed = (change: Partial<URL>): string => Object.assign(new URL(url), change).href;

    assert.match(
      (await adviceFor(changed({ password: 'wrong' }))) ?? '',
      /password in database\.url/,
    );
    assert.match(
      (await adviceFor(changed({ pathname: '/nowhere' }))) ?? '',
      /name of the database/,
    );
    assert.match((await adviceFor(url, {})) ?? '', /database\.tls/);
  });

  it('says nothing where the message has to do', () => {
    assert.equal(databaseAdvice(new Error('no answer within 4000 ms')), undefined);
    assert.equal(databaseAdvice(undefined), undefined);
  });
});
