/** What a store does in a cluster of two nodes, where each replica may ask another one. */
import assert from 'node:assert/strict';
import { openBindingStore } from '../../src/store/database.ts';
import { type GaleraCluster, startGaleraCluster } from '../support/mariadb-server.ts';
import { bindingOf, instanceOf } from './bindings.ts';

describe('openBindingStore of a Galera cluster', () => {
  let cluster: GaleraCluster;

  before(async function () {
    this.timeout(120_000);
    cluster = await startGaleraCluster(this);
  });
  after(async () => cluster?.[Symbol.asyncDispose]());

  it('finds on the other node what was acknowledged on one, however late that is applied', async () => {
    const [first, second] = cluster.nodes;
    const url = await first.freshDatabase();
    const otherUrl = cluster.otherUrlOf(url);
    await using one = await openBindingStore({ url });
    await using other = await openBindingStore({ url: otherUrl });
    await one.putInstance(instanceOf('i'));
    await using blocking = await second.connect(otherUrl);

    for (const id of ['a', 'b', 'c', 'd', 'e']) {
      await other.binding(id); // its connection is open
      await blocking.run('flush tables with read lock'); // the node applies nothing
      await one.putBinding(bindingOf('i', id));
      const found = other.binding(id);
      const deletion = other.deleteBinding('i', id);
      await blocking.run('unlock tables');

      assert.equal((await found)?.id, id);
      assert.equal(await deletion, true);
    }
    assert.deepEqual((await one.changesSince()).bindings, []);
  });
});
