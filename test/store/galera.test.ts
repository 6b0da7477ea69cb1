/** What a store does in a cluster of two nodes, where each replica may ask another one. */
import assert from 'node:assert/strict';
import { StoreAwayError } from '../../broker/binding-store.ts';
import { openBindingStore } from '../../src/store/database.ts';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import { type GaleraCluster, startGaleraCluster } from '../support/mariadb-server.ts';
import { bindingOf, instanceOf } from './bindings.ts';
import { everyCall } from './server.contract.ts';

describe('openBindingStore of a Galera cluster', function () {
  this.timeout(SLOW_MS);

  let cluster: GaleraCluster;

  before(async function () {
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

  it('is away for every call on a node that has lost the other one', async () => {
    const [first, second] = cluster.nodes;
    const url = cluster.otherUrlOf(await first.freshDatabase());
    await using store = await openBindingStore({ url });
    await store.putInstance(instanceOf('i'));
    await store.putBinding(bindingOf('i', 'b0'));

    await first.goDown();

    const isAlone = async () => {
      const [state] = await second.run(url, ["show status like 'wsrep_ready'"]);
      return state?.['Value'] === 'OFF' || undefined;
    };
    await eventually('the node to notice', isAlone, { timeoutMs: 40_000 }); // Galera's own patience
    for (const call of everyCall(store)) await assert.rejects(call, StoreAwayError);
    await second.run(url, ["set global wsrep_provider_options = 'pc.bootstrap=true'"]);
    await eventually('the store to be back', () => store.binding('b0'));
    assert.equal(await store.deleteBinding('i', 'b0'), true);
  });
});
