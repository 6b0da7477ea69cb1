/** The database on Cloud Foundry is in `config.test.ts`. */
import assert from 'node:assert/strict';
import { ConfigError, describeConfig, readConfig } from '../../src/config/config.ts';

const MEMORY = { memoryBytes: 2 ** 30 };

describe('Redis on Cloud Foundry', () => {
  const service = (more: object = {}) => ({
    name: 'cache',
    tags: ['Redis', 'key-value'],
    credentials: { uri: 'rediss://:p%40@r:16379' },
    ...more,
  });
  const sources = (services: unknown, more: object = {}) => ({
    ...MEMORY,
    environment: { VCAP_SERVICES: JSON.stringify(services), ...more },
  });
  const read = async (services: unknown, more: object = {}) =>
    (await readConfig(sources(services, more))).redis?.address;

  it('is the bound service with its tag, whatever its name', async () => {
    const plain = { host: 'r', user: undefined };

    assert.deepEqual(await read({ a: [service()] }), {
      ...{ ...plain, port: 16379, password: 'p@', usesTls: true },
    });
    const credentials = { host: 'r', port: 7, password: 'p/w' };
    assert.deepEqual(await read({ a: [service({ credentials })] }), {
      ...{ ...plain, port: 7, password: 'p/w', usesTls: false },
    });
    const both = { ...credentials, tls_port: 16380 };
    assert.deepEqual(await read({ a: [service({ credentials: both })] }), {
      ...{ ...plain, port: 16380, password: 'p/w', usesTls: true },
    });
  });

  it('is the service named promgate-redis, as a user-provided one without tags', async () => {
    const credentials = { url: 'redis://chosen' };
    const named = { name: 'promgate-redis', tags: [], credentials };

    assert.equal((await read({ a: [service()], u: [named] }))?.host, 'chosen');
  });

  it('is of no matter where the environment names another one', async () => {
    const two = { a: [service(), service({ name: 'other' })] };

    assert.equal((await read(two, { PROMGATE_REDIS_URL: 'redis://named' }))?.host, 'named');
    assert.equal(
      await read({ other: [{ name: 'x', tags: ['mysql'], credentials: {} }] }),
      undefined,
    );
  });

  for (const [services, fault] of [
    [
      { a: [service(), service({ name: 'other' })] },
      'VCAP_SERVICES: several Redis services are bound ("cache", "other"): tag one of them promgate-redis',
    ],
    [
      { a: [service({ credentials: {} })] },
      'VCAP_SERVICES: service "cache": its credentials hold no uri, and no host',
    ],
  ] as const) {
    it(`is refused: ${fault}`, async () => {
      await assert.rejects(readConfig(sources(services)), (error) => {
        assert.ok(error instanceof ConfigError);
        assert.ok(error.faults.includes(fault), error.faults.join('\n'));
        return true;
      });
    });
  }
});

describe('redis and kafka', () => {
  it('are absent unless they are configured', async () => {
    const { redis, kafka } = await readConfig(MEMORY);

    assert.deepEqual([redis, kafka], [undefined, undefined]);
  });

  it('are read from the environment, with the default port of brokers', async () => {
    const environment = {
      PROMGATE_REDIS_URL: 'redis://me:secret@r',
      PROMGATE_KAFKA_BROKERS: 'a, b:9',
      PROMGATE_KAFKA_SASL_USERNAME: 'me',
      PROMGATE_KAFKA_SASL_PASSWORD: 'secret',
    };
    const { redis, kafka } = await readConfig({ ...MEMORY, environment });

    assert.equal(redis?.channel, 'promgate');
    assert.deepEqual(kafka, {
      ...{ brokers: ['a:9092', 'b:9'], topic: 'log-topic', clientId: 'promgate', tls: undefined },
      sasl: { mechanism: 'plain', username: 'me', password: 'secret' },
    });
    const { yaml, warnings } = await describeConfig({ ...MEMORY, environment });
    assert.doesNotMatch(yaml, /secret|redis:\/\//);
    assert.ok(warnings.some((line) => line.includes('kafka.sasl is set without kafka.tls')));
  });

  it('are refused with a URL that names no server, without its text', async () => {
    const values = { redis: { url: 'redis://me:secret@r:port' } };

    await assert.rejects(readConfig({ ...MEMORY, values }), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.faults.join(), /^redis\.url cannot be used: the Redis URL cannot be/);
      assert.doesNotMatch(error.faults.join(), /secret/);
      return true;
    });
  });
});
