import assert from 'node:assert/strict';
import type { BrokerCall } from '../../broker/api.ts';
import { Refusal } from '../../broker/refusal.ts';
import { logCall } from '../../src/serve/broker-log.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { startPromgate } from '../support/promgate.ts';

const CALL: BrokerCall = {
  ...{ operation: 'bind', status: 201, account: 'cf', userId: 'u', requestIdentity: undefined },
  ...{ instanceId: 'i', bindingId: 'b', error: undefined, wrongTry: undefined },
};

/** The lines that the log holds of these calls. */
function told(calls: readonly BrokerCall[]): Record<string, unknown>[] {
  const lines: string[] = [];
  const log = createLog({ level: 'info', destination: { write: (line) => lines.push(line) } });
  for (const call of calls) logCall(log, call);
  return lines.map((line) => JSON.parse(line));
}

describe('logCall', () => {
  it('tells of a refused call in one line why, without a stack', () => {
    const error = new Refusal('bad-request', 'plan_id is missing or empty');
    const [line, ...others] = told([{ ...CALL, status: 400, error }]);

    assert.deepEqual(others, []);
    assert.deepEqual(
      [line?.['reason'], line?.['description'], line?.['level']],
      ['bad-request', 'plan_id is missing or empty', 'info'],
    );
    assert.doesNotMatch(JSON.stringify(line), /refusal\.ts|stack/);
  });

  it('tells of what is not the fault of the caller with its cause', () => {
    const error = new Refusal('internal', 'the broker failed', { cause: new Error('why') });
    const [line] = told([{ ...CALL, status: 500, error }]);
    assert.match(JSON.stringify(line), /"why"/);
    assert.equal(line?.['level'], 'error');
  });

  it('tells of the first wrong passwords of an address in a minute, then of each hundredth', () => {
    const error = new Refusal('unauthorized', 'send the right one');
    const calls = Array.from({ length: 1000 }, (_, i) => ({
      ...{ ...CALL, status: 401, error },
      wrongTry: { address: '192.0.2.1', count: i + 1 },
    }));

    assert.deepEqual(
      told(calls).map((line) => line['in_this_minute']),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000],
    );
  });
});

describe('wrong passwords', () => {
  const operators = [{ username: 'ops', password: 'open-sesame' }];
  const values = {
    auth: { mode: 'basic', operators, trusted_proxies: ['127.0.0.0/8'] },
    broker: { username: 'cf', password: 'right' },
    database: { url: 'sqlite::memory:', encryption_key: 'a key of sixteen characters' },
  };

  for (const [what, path, right] of [
    ['of the broker', '/broker/v2/catalog', 'cf:right'],
    ['of readers', '/sd/apps', 'ops:open-sesame'],
  ] as const) {
    it(`${what} cost time after ten in a minute, and the right one none`, async () => {
      await using promgate = await startPromgate({ apps: [], values });
      const ask = async (credential: string, from: string, signal?: AbortSignal) => {
        const headers = {
          Authorization: `Basic ${btoa(credential)}`,
          'X-Broker-API-Version': '2.17',
          'X-Forwarded-For': from,
        };
        return (await promgate.get(path, { headers, ...(signal && { signal }) })).status;
      };
      for (let i = 0; i < 10; i += 1) assert.equal(await ask('x:y', '192.0.2.1'), 401);

      const began = performance.now();
      const order: string[] = [];
      const noted = (name: string) => (status: number) => {
        order.push(`${name} ${status}`);
      };
      await Promise.all([
        ask('x:y', '192.0.2.1').then(noted('wrong')),
        ask(right, '192.0.2.1').then(noted('right')),
        ask('x:y', '192.0.2.2').then(noted('other')),
      ]);

      assert.ok(performance.now() - began >= 990);
      assert.deepEqual(order.toSorted(), ['other 401', 'right 200', 'wrong 401']);
      assert.equal(order.at(-1), 'wrong 401');
    });
  }

  it('of the broker are one line of the log each', async () => {
    await using promgate = await startPromgate({ apps: [], values });
    const before = promgate.log.length;

    await promgate.get('/broker/v2/catalog', {
      headers: { Authorization: `Basic ${btoa('x:y')}` },
    });

    const lines = promgate.log.slice(before).filter(({ level }) => level !== 'debug');
    assert.deepEqual(
      lines.map(({ message, fields }) => [message, fields['reason'], fields['address']]),
      [['the broker was called', 'unauthorized', '127.0.0.1']],
    );
  });
});
