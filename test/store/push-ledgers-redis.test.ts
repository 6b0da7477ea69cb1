/** Ledgers of several promgates on Debian's redis-server, over connections that lose answers. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { parseRedisUrl } from '../../src/config/redis-url.ts';
import { openSharedJournal } from '../../src/store/push-journal-redis.ts';
import { itMakesOneLedgerOf, type SharedStore } from '../push/book/several-ledgers.contract.ts';
import { type Forwarder, startForwarder } from '../support/forwarder.ts';
import { SLOW_MS } from '../support/limits.ts';
import { counter, linesOf, openLedger, pushOf } from '../support/pushes.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';

/** Promgates on one server, with keys of their own. */
function sharedStore(urlOf: () => string): SharedStore {
  const prefix = randomUUID();
  const journals = new AsyncDisposableStack();
  return {
    open: () =>
      journals.use(
        openSharedJournal({ address: parseRedisUrl(urlOf()), readTls: undefined, prefix }),
      ),
    [Symbol.asyncDispose]: () => journals.disposeAsync(),
  };
}

describe('several ledgers on Redis', function () {
  this.timeout(SLOW_MS);
  let server: RedisServer;
  let cable: Forwarder;

  before(async function () {
    server = await startRedisServer(this);
    cable = await startForwarder(server.url);
  });

  after(async () => {
    await cable?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  itMakesOneLedgerOf(() => sharedStore(() => server.url), 40);

  it('add up exactly although every tenth answer is lost', async () => {
    await using store = sharedStore(() => cable.urlOf(server.url));
    const open = () => openLedger({ journal: store.open() });
    const ledgers = [await open(), await open(), await open()];
    let answers = 0;
    const loseNext = (): void =>
      void cable
        .lose('answer', (bytes) => bytes.includes('kept') && ++answers % 10 === 0)
        .then(loseNext);
    loseNext();

    await Promise.all(
      ledgers.flatMap((ledger, i) =>
        Array.from({ length: 4 }, async () => {
          for (let times = 0; times < 25; times++) {
            await ledger.push(pushOf([counter('all', 1), counter('own', 0.1, { i: `${i}` })]));
          }
        }),
      ),
    );
    assert.ok(answers > 20, `${answers} answers`); // at least two were lost

    const lines = ['all 300', ...[0, 1, 2].map((i) => `own{i="${i}"} 10`)];
    for (const ledger of [...ledgers, await open()]) {
      await ledger.follow();
      assert.deepEqual(linesOf(ledger), lines);
    }
  });

  it('take a push with a key once, whichever of them gets it again', async () => {
    await using store = sharedStore(() => server.url);
    const open = () => openLedger({ journal: store.open() });
    const ledgers = [await open(), await open(), await open()];
    const push = pushOf([counter('c', 1)], { id: { key: 'k', hash: 'h' } });

    const taken = await Promise.all(ledgers.map((ledger) => ledger.push(push)));

    const replays = taken.filter(({ isReplay }) => isReplay).length;
    for (const ledger of ledgers) {
      await ledger.follow();
      assert.deepEqual(linesOf(ledger), ['c 1']);
    }
    assert.equal(replays, 2);
  });
});
