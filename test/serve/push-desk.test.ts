import assert from 'node:assert/strict';
import type { Accepted, Push, PushLedger } from '../../src/push/push.ts';
import { PushRefusal } from '../../src/push/refusal.ts';
import { PushDesk, type PushEnd, type PushWork } from '../../src/serve/push-desk.ts';

const WORK: PushWork = {
  intent: {
    ...{ tenant: 't', forced: [], replaces: 'group', path: [['job', 'a']], of: 'group' },
    ...{ contentType: '', text: '' },
    rules: {
      mode: 'replace',
      temporality: undefined,
      source: '',
      gaugeMode: undefined,
      ttlMs: undefined,
    },
  },
  page: { families: [], values: new Float64Array(), timestamps: 0 },
  ...{ id: undefined, samples: 3, bytes: 40, beganMs: 0 },
};

/** A ledger whose pushes end when the test says so. */
class SlowLedger implements PushLedger {
  readonly durability = 'disk';
  readonly pushes: PromiseWithResolvers<Accepted>[] = [];
  readonly noted: string[] = [];

  push(_push: Push): Promise<Accepted> {
    const push = Promise.withResolvers<Accepted>();
    this.pushes.push(push);
    return push.promise;
  }

  async noteFailure({ tenant }: { readonly tenant: string }): Promise<void> {
    this.noted.push(tenant);
  }

  async deleteGroup(): Promise<void> {}
  async deleteMetrics(): Promise<void> {}
  async wipe(): Promise<void> {}
}

function open(checks: boolean) {
  const ledger = new SlowLedger();
  const ends: PushEnd[] = [];
  return { ledger, ends, desk: new PushDesk({ ledger, checks, onEnd: (end) => ends.push(end) }) };
}

describe('PushDesk', () => {
  it('answers when the ledger has kept the push', async () => {
    const { ledger, ends, desk } = open(true);

    const answer = desk.push(WORK);
    assert.equal(ends.length, 0);
    ledger.pushes[0]?.resolve({ isReplay: false });

    assert.equal((await answer).status, 200);
    assert.equal(ends[0]?.result, 'ok');
  });

  it('answers before, if pushes are not checked, until a thousand wait', async () => {
    const { ledger, ends, desk } = open(false);

    for (let i = 0; i < 1_000; i++) assert.equal((await desk.push(WORK)).status, 202);
    const last = desk.push(WORK);
    ledger.pushes[1_000]?.resolve({ isReplay: false });
    assert.equal((await last).status, 200);
    assert.equal(ends.length, 1);

    ledger.pushes[0]?.reject(new PushRefusal('type_conflict', 'no'));
    ledger.pushes[1]?.reject(new Error('a bug'));
    await new Promise(setImmediate);
    assert.deepEqual(
      ends.map(({ result, why }) => [result, why]),
      [
        ['ok', undefined],
        ['type_conflict', 'no'],
        ['internal', 'Error: a bug'],
      ],
    );
    assert.equal((await desk.push(WORK)).status, 202);
  });

  it('waits when the pushes that wait are large', async () => {
    const { ledger, desk } = open(false);
    const large = { ...WORK, bytes: 30_000_000 };

    assert.equal((await desk.push(large)).status, 202);
    const second = desk.push(large);
    ledger.pushes[1]?.resolve({ isReplay: false });

    assert.equal((await second).status, 200);
  });

  it('notes in the group that a push of it was refused by a conflict, and no other refusal', async () => {
    const { ledger, desk } = open(true);
    const refuse = async (code: 'type_conflict' | 'series_limit' | 'not_stored') => {
      const answer = desk.push(WORK);
      ledger.pushes.at(-1)?.reject(new PushRefusal(code, 'no'));
      return (await answer).status;
    };

    assert.deepEqual([await refuse('series_limit'), await refuse('not_stored')], [422, 503]);
    assert.deepEqual(ledger.noted, []);
    assert.equal(await refuse('type_conflict'), 400);
    assert.deepEqual(ledger.noted, ['t']);
  });
});
