/** The channel between replicas over Debian's redis-server, and what happens when it fails. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { Redis } from 'iovalkey';
import { parseRedisUrl } from '../../src/config/redis-url.ts';
import type { ChannelError } from '../../src/store/channel-error.ts';
import {
  openReplicaChannel,
  type PublishFailure,
  type ReplicaChannelOptions,
} from '../../src/store/replica-channel.ts';
import type { MessageRefusal, ReplicaMessage } from '../../src/store/replica-message.ts';
import { Authority } from '../fetch/certificates.ts';
import { closedAddress, listen } from '../fetch/instance-server.ts';
import { eventually } from '../support/eventually.ts';
import { startForwarder } from '../support/forwarder.ts';
import { SLOW_MS } from '../support/limits.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { requireProgram } from '../support/require-program.ts';

const CHANNEL = 'test:replicas';
const PURGE: ReplicaMessage = { kind: 'purge', what: { kind: 'tag', value: 'ä "tag"' } };
const BINDINGS: ReplicaMessage = { kind: 'bindings' };

/** A channel, and all that it has told. */
function replica(url: string, more: Partial<ReplicaChannelOptions> = {}) {
  const told = {
    messages: [] as ReplicaMessage[],
    missed: 0,
    published: [] as (PublishFailure | undefined)[],
    refused: [] as MessageRefusal[],
    failures: [] as ChannelError[],
  };
  const channel = openReplicaChannel({
    address: parseRedisUrl(url),
    readTls: undefined,
    channel: CHANNEL,
    onMessage: (message) => told.messages.push(message),
    onMissed: () => told.missed++,
    onPublished: (failure) => told.published.push(failure),
    onRefused: (refusal) => told.refused.push(refusal),
    onFailure: (error) => told.failures.push(error),
    ...more,
  });
  const until = (what: string, holds: () => boolean): Promise<true> =>
    eventually(what, () => holds() || undefined);
  return {
    told,
    publish: (message: ReplicaMessage) => channel.publish(message),
    get state() {
      return channel.state;
    },
    until,
    ready: () => until('the channel to be ready', () => channel.state === 'ready'),
    failed: async () => {
      await until('a failure', () => told.failures.length > 0);
      return told.failures[0]!; // just waited for
    },
    [Symbol.asyncDispose]: () => channel[Symbol.asyncDispose](),
  };
}

/** Publishes anything, as whoever has the password can. */
async function publishRaw(url: string, message: string | Buffer): Promise<void> {
  const client = new Redis(url);
  await client.publish(CHANNEL, message);
  client.disconnect();
}

describe('openReplicaChannel', function () {
  this.timeout(SLOW_MS);

  it('takes messages to all other replicas, and none to the replica that sent them', async function () {
    await using server = await startRedisServer(this, { password: 'p@ss word' });
    const url = server.url.replace('//', '//:p%40ss%20word@');
    await using one = replica(url);
    await using two = replica(url);
    await using three = replica(url);
    await Promise.all([one, two, three].map(({ ready }) => ready()));

    assert.equal(await one.publish(PURGE), true);
    assert.equal(await one.publish(BINDINGS), true);

    for (const other of [two, three]) {
      await other.until('two messages', () => other.told.messages.length === 2);
      assert.deepEqual(other.told.messages, [PURGE, BINDINGS]);
    }
    assert.equal(await two.publish(PURGE), true);
    await one.until('a message', () => one.told.messages.length > 0);
    assert.deepEqual(one.told.messages, [PURGE]);
    assert.deepEqual(one.told.published, [undefined, undefined]);
  });

  it('sends nothing at once while the server is away, and tells of missed messages when it is back', async function () {
    await using server = await startRedisServer(this);
    await using one = replica(server.url);
    await using two = replica(server.url);
    await Promise.all([one.ready(), two.ready()]);
    const missed = one.told.missed;

    await server.goDown();
    await one.until('the end of the channel', () => one.state === 'away');
    const beganMs = performance.now();
    const sent = await one.publish(PURGE);
    const tookMs = performance.now() - beganMs;

    assert.equal(sent, false);
    assert.ok(tookMs < 50, `${tookMs} ms`);
    assert.deepEqual(one.told.published, ['away']);
    await server.comeBack();
    await Promise.all([one.ready(), two.ready()]);
    assert.equal(one.told.missed, missed + 1);
    assert.equal(await one.publish(PURGE), true);
    await two.until('the message', () =>
      two.told.messages.some((one) => isDeepStrictEqual(one, PURGE)),
    );
  });

  it('tells the others later what it could not tell them while it alone was cut off', async function () {
    await using server = await startRedisServer(this);
    await using cable = await startForwarder(server.url);
    await using one = replica(cable.urlOf(server.url));
    await using two = replica(server.url);
    await Promise.all([one.ready(), two.ready()]);

    cable.moveTo(`redis://${await closedAddress()}`);
    await one.until('the end of the channel', () => one.state === 'away');
    assert.deepEqual(
      [await one.publish(PURGE), await one.publish(PURGE), await one.publish(BINDINGS)],
      [false, false, false],
    );
    cable.moveTo(server.url);

    await two.until('two messages', () => two.told.messages.length === 2);
    assert.deepEqual(two.told.messages, [{ kind: 'purge', what: { kind: 'all' } }, BINDINGS]);
  });

  it('sends more than it keeps waiting as one purge of all', async function () {
    await using server = await startRedisServer(this);
    await using one = replica(server.url);
    await using two = replica(server.url);
    await Promise.all([one.ready(), two.ready()]);

    const sent = await Promise.all(Array.from({ length: 1_200 }, () => one.publish(PURGE)));

    assert.equal(sent.filter((one) => !one).length, 200);
    const all: ReplicaMessage = { kind: 'purge', what: { kind: 'all' } };
    await two.until('the purge of all', () =>
      two.told.messages.some((one) => isDeepStrictEqual(one, all)),
    );
    assert.equal(two.told.messages.length, 1_001);
  });

  it('waits 200 ms for a server that hangs, drops it, and works again when it goes on', async function () {
    await using server = await startRedisServer(this);
    await using one = replica(server.url);
    await one.ready();

    await server.hang();
    const beganMs = performance.now();
    const sent = await Promise.all(Array.from({ length: 1200 }, () => one.publish(PURGE)));
    const tookMs = performance.now() - beganMs;

    assert.ok(sent.every((one) => !one));
    assert.ok(tookMs >= 190 && tookMs < 1500, `${tookMs} ms`);
    const counts = (cause: PublishFailure) =>
      one.told.published.filter((one) => one === cause).length;
    assert.deepEqual([counts('timeout'), counts('full')], [1000, 200]);
    const { failure } = await one.failed();
    assert.equal(failure, 'timeout');
    assert.equal(one.state, 'away');
    server.goOn();
    await one.ready();
    assert.equal(await one.publish(PURGE), true);
  });

  it('ends while the server hangs', async function () {
    await using server = await startRedisServer(this);
    const one = replica(server.url);
    await one.ready();
    await server.hang();
    const connecting = replica(server.url);
    const publishing = one.publish(PURGE);

    await one[Symbol.asyncDispose]();
    await connecting[Symbol.asyncDispose]();

    assert.equal(await publishing, false);
    server.goOn();
  });

  it('says why it cannot connect', async function () {
    await using server = await startRedisServer(this, { password: 'right' });
    const failureAt = async (url: string) => {
      await using one = replica(url);
      return (await one.failed()).failure;
    };

    assert.equal(await failureAt(server.url), 'auth');
    assert.equal(await failureAt(server.url.replace('//', '//:wrong@')), 'auth');
    assert.equal(await failureAt(server.url.replace('//', '//me:wrong@')), 'auth');
    assert.equal(await failureAt(`redis://${await closedAddress()}`), 'unreachable');
    assert.equal(await failureAt('redis://no-such-host.invalid'), 'unreachable');
  });

  it('needs no more rights than the documentation gives it', async function () {
    await using server = await startRedisServer(this);
    const page = readFileSync(new URL('../../docs/operating.md', import.meta.url), 'utf8');
    const [, command = ''] = /`ACL (SETUSER promgate [^`]*)`/.exec(page) ?? [];
    const admin = new Redis(server.url);
    await admin.call('ACL', ...command.split(' '));
    admin.disconnect();
    const url = server.url.replace('//', '//promgate:password@');
    await using one = replica(url, { channel: 'promgate:replicas' });
    await using two = replica(url, { channel: 'promgate:replicas' });
    await Promise.all([one.ready(), two.ready()]);

    assert.equal(await one.publish(PURGE), true);
    await two.until('a message', () => two.told.messages.length === 1);

    await using elsewhere = replica(url, { channel: 'other' });
    assert.equal((await elsewhere.failed()).failure, 'auth');
  });

  it('takes a password to a server that wants none', async function () {
    await using server = await startRedisServer(this);
    await using one = replica(server.url.replace('//', '//:useless@'));

    await one.ready();
  });

  it('speaks TLS only to a server that a trusted authority vouches for', async function () {
    requireProgram(this, 'openssl');
    await using authority = await Authority.create();
    await using server = await startRedisServer(this, {
      tls: await authority.issue('redis', 'IP:127.0.0.1'),
    });
    const trusting = async () => ({ ca: authority.ca });
    await using one = replica(server.url, { readTls: trusting });
    await using two = replica(server.url, { readTls: trusting });
    await Promise.all([one.ready(), two.ready()]);

    await one.publish(PURGE);
    await two.until('a message', () => two.told.messages.length === 1);

    await using doubting = replica(server.url, { readTls: async () => ({ ca: [] }) });
    assert.equal((await doubting.failed()).failure, 'tls');
    await using elsewhere = replica(server.url.replace('127.0.0.1', 'localhost'), {
      readTls: trusting,
    });
    assert.equal((await elsewhere.failed()).failure, 'tls');
    await using plain = replica(server.url);
    assert.equal((await plain.failed()).failure, 'closed');
    await using fileless = replica(server.url, {
      readTls: () => Promise.reject(new Error('ENOENT')),
    });
    assert.equal((await fileless.failed()).failure, 'internal');
  });

  it('refuses what is no message of a replica, and drops a flood', async function () {
    await using server = await startRedisServer(this);
    await using one = replica(server.url);
    await one.ready();
    const missed = one.told.missed;

    for (const text of ['', '{', '[]', 'null', '{"v":1}', Buffer.from([0xff, 0, 0x0d, 0x0a])]) {
      await publishRaw(server.url, text);
    }
    await publishRaw(server.url, 'x'.repeat(100_000));
    await publishRaw(server.url, '{"v":2,"kind":"new"}');

    await one.until('all to be refused', () => one.told.refused.length === 8);
    assert.deepEqual(one.told.refused.slice(-2), ['too-large', 'version']);
    assert.equal(one.told.missed, missed + 1, 'a later version may have purged');
    assert.equal(one.state, 'ready');
    await publishRaw(server.url, 'x'.repeat(20_000_000));
    assert.equal((await one.failed()).failure, 'flooded');
    await one.ready();
    assert.deepEqual(one.told.messages, []);
  });

  it('outlives a server that answers what no Redis answers', async () => {
    const answers = [
      '*1\r\n*-1\r\n',
      '$-1\r\n'.repeat(50),
      '*1\r\n$-1\r\n',
      'HTTP/1.1 400 Bad Request\r\n\r\n',
      '*2147483647\r\n',
      '*3\r\n$7\r\nmessage\r\n$-1\r\n$-1\r\n',
      '-ERR \r\n',
      '$536870912\r\n',
    ];
    await Promise.all(
      answers.map(async (answer) => {
        const liar = net.createServer((socket) => {
          socket.on('error', () => undefined); // the client cuts it
          socket.on('data', () => socket.write(answer));
        });
        await using server = await listen(liar);
        await using one = replica(`redis://:secret@${server.address}`);

        const error = await one.failed();
        assert.equal(one.state, 'away', JSON.stringify(answer));
        assert.doesNotMatch(error.message, /secret/);
      }),
    );
  });

  it('gives up on a server that accepts connections and says nothing', async () => {
    await using server = await listen(net.createServer());
    await using one = replica(`redis://${server.address}`);

    assert.equal((await one.failed()).failure, 'timeout');
    await one.until('the sockets to be closed', () => server.open.size <= 2);
  });

  it('keeps no process alive and leaves no socket when it ends', async function () {
    await using server = await startRedisServer(this);
    const one = replica(server.url);
    await one.ready();

    await one[Symbol.asyncDispose]();

    const probe = net.connect(server.port, '127.0.0.1');
    await once(probe, 'connect');
    probe.write('CLIENT LIST\r\n');
    const [answer] = await once(probe, 'data');
    probe.destroy();
    assert.equal(String(answer).match(/addr=/g)?.length, 2, String(answer)); // addr and laddr of the probe
    assert.equal(await one.publish(PURGE), false);
  });
});
