/** What replicas tell each other, and what an operator learns of it. */
import assert from 'node:assert/strict';
import { openReplicas } from '../../src/assemble/replicas.ts';
import { readConfig } from '../../src/config/config.ts';
import type { PurgeTarget } from '../../src/store/replica-message.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { closedAddress } from '../fetch/instance-server.ts';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import { recordLog } from '../support/promgate.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { hasLines } from '../telemetry/has-lines.ts';

async function open(url: string | undefined) {
  const values = url === undefined ? {} : { redis: { url } };
  const { redis } = await readConfig({ values, memoryBytes: 2 ** 30 });
  const { log, lines } = recordLog();
  const registry = new MetricRegistry();
  const replicas = await openReplicas(redis, { log, registry, authorities: async () => [] });
  return {
    ...replicas,
    lines,
    registry,
    untilLogged: (part: string) =>
      eventually(`"${part}" in the log`, () => lines.find(({ message }) => message.includes(part))),
  };
}

const CONNECTED = 'the replicas are connected through Redis';

describe('openReplicas', function () {
  this.timeout(SLOW_MS);

  it('gives listeners the purges and changes of others, also when one of them fails', async function () {
    await using server = await startRedisServer(this);
    await using one = await open(server.url);
    await using two = await open(server.url);
    await Promise.all([one.untilLogged(CONNECTED), two.untilLogged(CONNECTED)]);
    const purged: PurgeTarget[] = [];
    const told: string[] = [];
    two.onPurge(() => {
      throw new Error('a fault of a listener');
    });
    two.onPurge((what) => purged.push(what));
    two.onBindings(() => told.push('bindings'));
    two.onMissed(() => told.push('missed'));

    assert.equal(await one.publish({ kind: 'bindings' }), true);
    assert.equal(await one.publish({ kind: 'purge', what: { kind: 'all' } }), true);

    await eventually('the purge', () => (purged.length > 0 ? true : undefined));
    assert.deepEqual(purged, [{ kind: 'all' }]);
    assert.deepEqual(told, ['bindings']);
    assert.equal(two.mentions?.['redis']?.(), 'ready');
    await two.untilLogged('a message of another replica was not applied');
    await hasLines(one.registry, 'promgate_replica_messages_sent_total 2');
    await hasLines(
      two.registry,
      'promgate_replica_messages_received_total{kind="purge"} 1',
      'promgate_replica_messages_received_total{kind="bindings"} 1',
      'promgate_replica_channel_ready 1',
    );

    await server.goDown();
    await two.untilLogged('Redis is away');
    assert.equal(two.mentions?.['redis']?.(), 'away');
    assert.equal(await two.publish({ kind: 'bindings' }), false);
    await server.comeBack();
    await eventually('missed messages', () => (told.includes('missed') ? true : undefined));
    await hasLines(
      two.registry,
      'promgate_replica_messages_failed_total{cause="away"} 1',
      'promgate_replica_reconnects_total 1',
    );
  });

  it('warns once, and says what to do', async () => {
    await using one = await open(`redis://:secret@${await closedAddress()}`);

    const { fields } = await one.untilLogged('Redis is away');

    assert.match(String(fields['advice']), /host and port in redis\.url/);
    await eventually('another attempt', () =>
      one.lines.find(({ message }) => message === 'Redis is still away'),
    );
    assert.equal(one.lines.filter(({ level }) => level === 'warn').length, 1);
    assert.doesNotMatch(JSON.stringify(one.lines), /secret/);
  });

  it('is alone without redis.url, and says nothing of Redis', async () => {
    await using one = await open(undefined);

    assert.equal(await one.publish({ kind: 'bindings' }), false);
    assert.deepEqual(one.mentions, {});
    assert.doesNotMatch(await one.registry.print(), /replica/);
  });
});
