/** Names of routers and containers are looked up without Node's threads, and one index is one container. */
import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { onlyOne, socketLookup } from '../../src/fetch/socket-lookup.ts';
import { ask, openScraper, serve } from './instance-server.ts';

const found = (lookup: LookupFunction, all: boolean): Promise<readonly unknown[]> =>
  new Promise((resolve) => {
    lookup('a.apps.internal', { all }, (error, address: string | LookupAddress[], family) =>
      resolve(error ? [error.code] : [address, family]),
    );
  });

describe('socketLookup', () => {
  it('gives all addresses, or the first one, as sockets want them', async () => {
    const lookup = socketLookup(async () => ['127.0.0.1', '::1']);

    assert.deepEqual(await found(lookup, false), ['127.0.0.1', 4]);
    const [all] = await found(lookup, true);
    assert.deepEqual(all, [
      { address: '127.0.0.1', family: 4 },
      { address: '::1', family: 6 },
    ]);
  });

  it('fails as a name server does', async () => {
    assert.deepEqual(
      await found(
        socketLookup(async () => 'none'),
        true,
      ),
      ['ENOTFOUND'],
    );
    assert.deepEqual(
      await found(
        socketLookup(async () => 'late'),
        true,
      ),
      ['EAI_AGAIN'],
    );
  });
});

describe('onlyOne', () => {
  it('lets one address of each family pass, and no second one', async () => {
    const one = onlyOne(socketLookup(async () => ['127.0.0.1', '::1']));
    const two = onlyOne(socketLookup(async () => ['127.0.0.1', '127.0.0.2']));

    assert.deepEqual(await found(one, false), ['127.0.0.1', 4]);
    assert.deepEqual(await found(two, true), ['ESEVERAL']);
    assert.deepEqual(await found(onlyOne(socketLookup(async () => 'none')), true), ['ENOTFOUND']);
  });

  it('keeps promgate from asking either of two containers with one name', async () => {
    await using server = await serve((_, response) => response.end('a 1\n'));
    const port = server.address.split(':')[1] ?? '';
    let addresses = ['127.0.0.1', '127.0.0.2'];
    await using scraper = openScraper({ lookup: socketLookup(async () => addresses) });
    const askByName = () =>
      ask(scraper, `0.shop.apps.internal:${port}`, { via: 'internal', trust: 'containers' });

    assert.equal(await askByName(), 'ambiguous');
    assert.equal(server.connected, 0);
    addresses = ['127.0.0.1'];
    assert.equal(await askByName(), 'a 1\n');
  });
});
