import assert from 'node:assert/strict';
import { BIND, PROVISION, startBroker } from './broker-server.ts';

const I = '/service_instances/i';
const B = `${I}/service_bindings/b`;
const AT_ONCE = 24;

const sorted = (answers: readonly { readonly status: number }[]) =>
  answers.map(({ status }) => status).sort();

const twice = <T>(one: T, other: T): T[] =>
  Array.from({ length: AT_ONCE }, (_, i) => (i % 2 === 0 ? one : other));

describe('calls at once', () => {
  it('make one instance of equal ones', async () => {
    await using broker = await startBroker();
    const answers = await Promise.all(
      twice(PROVISION, PROVISION).map((body) => broker.send('PUT', I, { body })),
    );
    assert.deepEqual(sorted(answers), [...Array(AT_ONCE - 1).fill(200), 201]);
    assert.equal(broker.changes(), 1);
  });

  it('make one instance of different ones, and refuse the others', async () => {
    await using broker = await startBroker();
    const bodies = twice(PROVISION, { ...PROVISION, space_guid: 'space-2' });
    const answers = await Promise.all(bodies.map((body) => broker.send('PUT', I, { body })));
    const half = AT_ONCE / 2;
    assert.deepEqual(sorted(answers), [
      ...[...Array(half - 1).fill(200), 201, ...Array(half).fill(409)],
    ]);
  });

  for (const adopt of [false, true]) {
    it(`make one binding of equal ones${adopt ? ', and one instance for it' : ''}`, async () => {
      await using broker = await startBroker({ adopt });
      if (!adopt) await broker.send('PUT', I, { body: PROVISION });
      const body = { ...BIND, parameters: { headers: { 'X-A': 'x' } } };
      const answers = await Promise.all(
        twice(body, body).map((same) => broker.send('PUT', B, { body: same })),
      );
      assert.deepEqual(sorted(answers), [...Array(AT_ONCE - 1).fill(200), 201]);
      assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
      assert.equal(broker.changes(), 2);
    });
  }

  it('make one binding of different ones, and refuse the others', async () => {
    await using broker = await startBroker();
    await broker.send('PUT', I, { body: PROVISION });
    const bodies = twice<object>(BIND, { ...BIND, parameters: { headers: { 'X-A': 'x' } } });
    const answers = await Promise.all(bodies.map((body) => broker.send('PUT', B, { body })));
    const half = AT_ONCE / 2;
    assert.deepEqual(sorted(answers), [
      ...[...Array(half - 1).fill(200), 201, ...Array(half).fill(409)],
    ]);
  });
});
