/** The thread that talks to Kafka: what it says of failures, and that it starts anew. */
import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { KafkaSettings } from '../../src/telemetry/kafka.ts';
import { KafkaThread } from '../../src/telemetry/kafka-thread.ts';
import type { RequestEvent } from '../../src/telemetry/request-event.ts';
import { SendError } from '../../src/telemetry/send-error.ts';
import { Authority } from '../fetch/certificates.ts';
import { closedAddress, listen } from '../fetch/instance-server.ts';
import { startKafkaBroker } from '../support/kafka-broker.ts';
import { SLOW_MS } from '../support/limits.ts';
import { int, refusingBroker, short, text } from '../support/refusing-broker.ts';
import { requireProgram } from '../support/require-program.ts';

const EVENT: RequestEvent = {
  ...{ atMs: 0, method: 'GET', path: '/', status: 200, cache: 'MISS' },
  ...{ durationMs: 1, bytes: 1, origin: undefined },
};

function thread(address: string, more: Partial<KafkaSettings> = {}, lines: string[] = []) {
  const settings: KafkaSettings = {
    ...{ brokers: [address], topic: 'log-topic', clientId: 'test' },
    ...{ tls: undefined, sasl: undefined, ...more },
  };
  return new KafkaThread(settings, (line) => lines.push(line));
}

/** Why the first check fails. */
async function failureAt(address: string, more: Partial<KafkaSettings> = {}): Promise<string> {
  await using kafka = thread(address, more);
  try {
    await kafka.check();
  } catch (error) {
    assert.ok(error instanceof SendError);
    assert.doesNotMatch(error.message, /secret/);
    return error.failure;
  }
  return 'none';
}

describe('KafkaThread', function () {
  this.timeout(SLOW_MS);

  it('starts anew after a failure, whatever it was', async function () {
    await using broker = await startKafkaBroker(this);
    await using kafka = thread(broker.address);
    const impossible = { ...EVENT, path: (() => '/') as unknown as string };

    await kafka.check();
    await assert.rejects(kafka.send([impossible]), { name: 'DataCloneError' });
    await kafka.send([EVENT]);
    await assert.rejects(kafka.send([{ ...EVENT, atMs: Number.NaN }]), { failure: 'crashed' });
    await kafka.send([EVENT, EVENT]);

    assert.equal((await broker.consume('log-topic')).length, 3);
  });

  it('ends a task when it is disposed, and takes no other', async () => {
    await using server = await listen(createServer()); // says nothing
    const kafka = thread(server.address);
    const checked = assert.rejects(kafka.check(), { failure: 'timeout' });

    await kafka[Symbol.asyncDispose]();

    await checked;
    await assert.rejects(kafka.check(), { failure: 'timeout' });
  });

  it('says why it cannot connect', async function () {
    await using broker = await startKafkaBroker(this);
    await using strict = await listen(createServer(refusePasswords));
    const sasl = { mechanism: 'plain', username: 'me', password: 'secret' } as const;

    assert.equal(await failureAt(await closedAddress()), 'unreachable');
    assert.equal(await failureAt('no-such-host.invalid:9092'), 'unreachable');
    assert.equal(await failureAt(strict.address, { sasl }), 'auth');
    assert.equal(await failureAt(broker.address, { sasl }), 'away', 'the mock knows no passwords');
    const tls = { ca: [], caFile: '/no/such/file' };
    assert.equal(await failureAt(broker.address, { tls }), 'internal');
  });

  for (const [code, failure] of [
    [3, 'topic'],
    [17, 'topic'],
    [29, 'auth'],
    [5, 'away'],
  ] as const) {
    it(`says "${failure}" when the brokers answer the question for the topic with ${code}`, async () => {
      await using broker = await listen(refusingBroker({ topic: code }));

      assert.equal(await failureAt(broker.address), failure);
    });
  }

  for (const [code, failure] of [
    [10, 'refused'],
    [18, 'refused'],
    [87, 'refused'],
    [29, 'auth'],
    [7, 'timeout'],
    [19, 'away'],
  ] as const) {
    it(`says "${failure}" when the brokers answer events with ${code}`, async () => {
      await using broker = await listen(refusingBroker({ produce: code }));
      await using kafka = thread(broker.address);
      await kafka.check();

      await assert.rejects(kafka.send([EVENT]), { failure });
    });
  }

  it('keeps the connection when the brokers refuse events', async () => {
    const server = refusingBroker({ produce: 10 });
    let connections = 0;
    server.on('connection', () => connections++);
    await using broker = await listen(server);
    await using kafka = thread(broker.address);
    await kafka.check();
    await assert.rejects(kafka.send([EVENT]), { failure: 'refused' });
    const opened = connections;

    for (let i = 0; i < 20; i += 1) {
      await kafka.check();
      await assert.rejects(kafka.send([EVENT]), { failure: 'refused' });
    }

    assert.equal(connections, opened);
  });

  it('speaks TLS only to a broker that a trusted authority vouches for', async function () {
    requireProgram(this, 'openssl');
    await using broker = await startKafkaBroker(this);
    await using authority = await Authority.create();
    const { cert, key } = await authority.issue('broker', 'IP:127.0.0.1');
    let secured = 0;
    const inFront = createTlsServer({ cert, key }, (socket) => {
      secured += 1;
      forward(socket, broker.address);
    });
    inFront.on('tlsClientError', () => undefined); // one client below trusts nobody
    await using server = await listen(inFront);

    assert.equal(await failureAt(server.address, { tls: { ca: [] } }), 'tls');
    assert.equal(secured, 0);
    // The mock advertises its own address, where it speaks no TLS.
    await failureAt(server.address, { tls: { ca: [authority.ca] } });
    assert.ok(secured > 0);
  });

  it('keeps the memory bounded while a broker sends without end', async () => {
    let sentBytes = 0;
    const flood = createServer((socket) => {
      socket.on('error', () => undefined); // the client cuts it
      const block = Buffer.alloc(65_536);
      const more = (): void => {
        while (!socket.destroyed && socket.write(block)) sentBytes += block.length;
      };
      socket.on('drain', more);
      socket.once('data', () => {
        socket.write(Buffer.from([0x7f, 0xff, 0xff, 0xff]));
        more();
      });
    });
    await using server = await listen(flood);

    assert.equal(await failureAt(server.address), 'unreachable');

    assert.ok(sentBytes < 64 * 1024 * 1024, `${sentBytes} bytes`);
  });
});

/** Answers as a broker that knows no account: ApiVersions, SaslHandshake and SaslAuthenticate. */
function refusePasswords(socket: Socket): void {
  const [apiVersions, handshake, authenticate] = [18, 17, 36];
  const wrong = 58; // SASL_AUTHENTICATION_FAILED
  const bodies = new Map([
    [apiVersions, [short(0), int(2), short(handshake!, 0, 1), short(authenticate!, 0, 0)]],
    [handshake, [short(0), int(1), text('PLAIN')]],
    [authenticate, [short(wrong), text('wrong password'), int(0)]],
  ]);
  socket.on('error', () => undefined); // the client cuts it
  socket.on('data', (request) => {
    const body = Buffer.concat(bodies.get(request.readInt16BE(4)) ?? []);
    const answer = Buffer.concat([request.subarray(8, 12), body]);
    socket.write(Buffer.concat([int(answer.length), answer]));
  });
}

function forward(socket: Socket, address: string): void {
  const [host = '', port] = address.split(':');
  const behind = connect(Number(port), host);
  for (const one of [socket, behind]) one.on('error', () => undefined); // either side may be cut
  socket.pipe(behind).pipe(socket);
}
