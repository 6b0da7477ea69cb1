import assert from 'node:assert/strict';
import {
  ConfigError,
  type ConfigSources,
  configWarnings,
  describeConfig,
  readConfig,
} from '../../src/config/config.ts';
import { GAUGE_MODES } from '../../src/push/pushed-page.ts';

const GIB = 2 ** 30;
const BROKER = { username: 'cf', password: 'p' };
const REDIS = { url: 'redis://r.example' };
const SQLITE = { url: 'sqlite:data/bindings.db' };
const PLATFORM = { VCAP_APPLICATION: '{}' };

const read = (values: unknown, environment: ConfigSources['environment'] = {}) =>
  readConfig({ memoryBytes: GIB, values, environment });

async function pushOf(values: unknown, environment: ConfigSources['environment'] = {}) {
  const { push } = await read(values, environment);
  assert.ok(push);
  return push;
}

async function faultsOf(values: unknown): Promise<readonly string[]> {
  try {
    await read(values);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.faults;
  }
  return [];
}

describe('the section push', () => {
  it('is absent unless it is set, and the catalog then lacks its plan', async () => {
    const without = await read({ broker: BROKER });
    const empty = await read({ broker: BROKER, push: null });
    const within = await read({ broker: BROKER, push: {} });

    assert.equal(without.push, undefined);
    assert.equal(empty.push, undefined);
    assert.equal(without.broker?.pushPlan, undefined);
    assert.deepEqual(within.broker?.pushPlan, {
      id: '13d6b8f7-6643-4524-94e5-74029a36cf56',
      name: 'push',
    });
  });

  it('takes these defaults', async () => {
    assert.deepEqual(await pushOf({ push: {} }), {
      open: false,
      port: undefined,
      jobMode: 'replace',
      portJobMode: undefined,
      durability: 'memory',
      bestDurability: 'memory',
      losesFiles: false,
      file: 'promgate-push.db',
      temporality: 'cumulative',
      gaugeMode: 'last',
      ttlMs: 0,
      without: [],
      utf8Names: false,
      adminApi: false,
      consistencyCheck: true,
      sourceIdleMs: 3_600_000,
      redisReplicas: 0,
      keyTtlMs: 86_400_000,
      maxKeys: 100_000,
      rules: [],
      tenants: [],
      limits: {
        maxBodyBytes: 4 * 2 ** 20,
        maxDecompressedBytes: 16 * 2 ** 20,
        series: 10_000,
        seriesPerFamily: 2_000,
        families: 1_000,
        groups: 1_000,
        labels: 64,
        labelNameLength: 512,
        labelValueLength: 2_048,
        sources: 1_000,
        pushesPerSecond: 1_000,
        tenants: 10_000,
        totalSeries: 500_000,
      },
      remoteWrite: [],
    });
  });

  it('gives rules and tenants only the keys that they have', async () => {
    const { rules, tenants } = await pushOf({
      push: {
        rules: [{ families: 'queue_*', gauge: 'sum', ttl: '10m' }],
        tenants: [
          { space: 'dev*', job_mode: 'aggregate', without: ['pod'], limits: { series: 5 } },
        ],
      },
    });

    assert.deepEqual(JSON.parse(JSON.stringify({ rules, tenants })), {
      rules: [{ families: 'queue_*', gaugeMode: 'sum', ttlMs: 600_000 }],
      tenants: [{ space: 'dev*', jobMode: 'aggregate', without: ['pod'], limits: { series: 5 } }],
    });
  });

  it('knows every mode of gauges', async () => {
    for (const gauge of GAUGE_MODES) {
      assert.equal((await pushOf({ push: { gauge } })).gaugeMode, gauge);
    }
  });

  it('is set by variables too, lists of mappings as JSON', async () => {
    const push = await pushOf(
      {},
      {
        PROMGATE_PUSH_OPEN: 'true',
        PROMGATE_PUSH_WITHOUT: 'instance, pod',
        PROMGATE_PUSH_LIMITS_SERIES_PER_FAMILY: '7',
        PROMGATE_PUSH_RULES: '[{"families":"a*","ttl":"1h"}]',
      },
    );

    assert.equal(push.open, true);
    assert.deepEqual(push.without, ['instance', 'pod']);
    assert.equal(push.limits.seriesPerFamily, 7);
    assert.equal(push.rules[0]?.ttlMs, 3_600_000);
  });

  it('bounds the series of all tenants by the memory, where they are not set', async () => {
    const small = await readConfig({ memoryBytes: 64 * 2 ** 20, values: { push: {} } });

    assert.equal(small.push?.limits.totalSeries, 32_768);
  });

  it('is printed with what takes effect', async () => {
    const values = { push: { limits: { series: 5 } }, database: SQLITE };
    const { yaml } = await describeConfig({ memoryBytes: GIB, values });
    const { yaml: none } = await describeConfig({ memoryBytes: GIB });

    assert.match(
      yaml,
      /^push:\n(?: {2}.*\n)* {2}durability: disk\n {2}file: data\/bindings\.db-push\n/m,
    );
    assert.match(yaml, /^ {4}series: 5\n/m);
    assert.match(yaml, /^ {4}total_series: 500000\n/m);
    assert.doesNotMatch(none, /push:/);
  });

  it('has a port that nothing else listens on', async () => {
    const endpoints = { allow: ['*'], compat: true };
    const isTaken = /^push\.port is \d+, but must be another port/;
    for (const [values, port, faults] of [
      [{ listen: { port: 9091 } }, 9091, 1],
      [{ listen: { health_port: 9091 } }, 9091, 1],
      [{ endpoints }, 9221, 1],
      [{ endpoints: { allow: ['*'] } }, 9221, 0],
      [{ listen: { port: 0 } }, 0, 0],
      [{}, 9091, 0],
    ] as const) {
      const found = await faultsOf({ ...values, push: { port } });

      assert.equal(found.length, faults, found.join('\n'));
      for (const fault of found) assert.match(fault, isTaken);
    }
  });

  it('is refused with all its faults together', async () => {
    const faults = await faultsOf({
      listen: { port: 8085 },
      broker: { push_plan_id: 'same', plan_id: 'same', push_plan_name: 'a', plan_name: 'a' },
      database: { url: 'sqlite:./p.db' },
      push: {
        port: 8085,
        durability: 'shared',
        file: 'p.db',
        without: ['le'],
        ttl: '10',
        rules: [{ gauge: 'median' }],
        tenants: [{ ttl: '1h' }, { app: '', mode: 'replace' }],
        limits: { series: 0, colour: 1 },
      },
    });

    for (const fault of [
      'broker.push_plan_id is "same", but must be another id than plan_id',
      'broker.push_plan_name is "a", but must be another name than plan_name',
      'push.port is 8085, but must be another port than listen.port, listen.health_port and endpoints.compat_port',
      'push.durability is "shared", but needs redis.url',
      'push.file is "p.db", but must be another file than database.url names',
      'push.without[0] is "le", but must be the name of a label, at most 512 characters long, but not __name__, le or quantile',
      'push.ttl is "10", but must be a duration such as 500ms, 15s, 10m or 1h30m, from 0s to 365d',
      'push.rules[0].families is missing; it must be a text without control characters, at most 256 long, where * stands for any characters',
      'push.rules[0].gauge is "median", but must be one of last, sum, min, max, avg, count',
      'push.tenants[0].organization is missing; it must be set unless space or app is',
      'push.tenants[1].app is "", but must be a text without control characters, at most 256 long, where * stands for any characters',
      'push.tenants[1].mode is not a key of promgate; known keys here are organization, space, app, temporality, gauge, ttl, without, job_mode, limits',
      'push.limits.series is 0, but must be a whole number from 1 to 10000000',
    ]) {
      assert.ok(faults.includes(fault), `${fault}\n\nin\n\n${faults.join('\n')}`);
    }
    assert.equal(faults.length, 14, faults.join('\n'));
  });
});

describe('push.durability', () => {
  const cases = [
    [
      'a database file that is configured',
      { database: SQLITE },
      {},
      'disk',
      'data/bindings.db-push',
    ],
    ['the database file of the broker', { broker: BROKER }, {}, 'disk', 'promgate.db-push'],
    [
      'a database file beside Redis',
      { database: SQLITE, redis: REDIS },
      {},
      'disk',
      'data/bindings.db-push',
    ],
    [
      'a database in memory',
      { database: { url: 'sqlite::memory:' } },
      {},
      'memory',
      'promgate-push.db',
    ],
    ['Redis', { redis: REDIS }, {}, 'shared', 'promgate-push.db'],
    [
      'Redis beside a database server',
      { redis: REDIS, database: { url: 'mysql://u:p@h/d' } },
      {},
      'shared',
      'promgate-push.db',
    ],
    ['a file on Cloud Foundry', { database: SQLITE }, PLATFORM, 'memory', 'data/bindings.db-push'],
    [
      'a file beside Redis on Cloud Foundry',
      { database: SQLITE, redis: REDIS },
      PLATFORM,
      'shared',
      'data/bindings.db-push',
    ],
    ['nothing', {}, {}, 'memory', 'promgate-push.db'],
  ] as const;
  for (const [what, values, environment, durability, file] of cases) {
    it(`is ${durability} with ${what}`, async () => {
      const push = await pushOf({ ...values, push: {} }, environment);

      assert.equal(push.durability, durability);
      assert.equal(push.file, file);
    });
  }

  it('is what the configuration says', async () => {
    const push = await pushOf({ push: { durability: 'disk', file: '/data/p.db' } });

    assert.equal(push.durability, 'disk');
    assert.equal(push.file, '/data/p.db');
  });
});

describe('warnings about push', () => {
  const warnings = async (values: object, environment: ConfigSources['environment'] = {}) =>
    configWarnings(await read({ routes: { file: 'r.json' }, ...values }, environment)).filter(
      (warning) => warning.startsWith('push'),
    );

  it('tell when anybody may push', async () => {
    const local = { listen: { host: '127.0.0.1' } };

    assert.deepEqual(await warnings({ push: { open: true } }), [
      'push.open is true: whoever reaches 0.0.0.0, port 8085, pushes and deletes metrics; use bindings of the plan push and their tokens',
    ]);
    assert.deepEqual(await warnings({ ...local, push: { open: true } }), []);
    assert.deepEqual(await warnings({ push: {} }), []);
  });

  it('tell when push.open does nothing', async () => {
    const auth = { mode: 'basic', operators: [{ username: 'a', password: 'b' }] };

    assert.deepEqual(await warnings({ auth, push: { open: true } }), [
      'push.open has no effect: auth.mode is basic, so pushes need a token',
    ]);
  });

  it('tell when pushes are lost though they could be kept', async () => {
    const push = { durability: 'memory' };

    assert.deepEqual(await warnings({ push }), []);
    assert.deepEqual(await warnings({ push, redis: REDIS }), [
      'push.durability is memory: pushes are lost at a restart, though there is Redis; set it to shared',
    ]);
    assert.deepEqual(await warnings({ push, database: SQLITE }), [
      'push.durability is memory: pushes are lost at a restart, though there is a database file; set it to disk',
    ]);
  });

  it('tell when the disk does not outlive the container', async () => {
    assert.deepEqual(await warnings({ push: { durability: 'disk' } }, PLATFORM), [
      'push.durability is disk: on Cloud Foundry pushes are lost with the container; bind a Redis service, and set it to shared',
    ]);
  });
});
