/** Bound services mean the same, whichever way the platform passes them. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { ConfigError, readConfig } from '../../src/config/config.ts';
import { passServices, type Service } from '../support/bound-services.ts';

const MEMORY = { memoryBytes: 2 ** 30 };

type Environment = Readonly<Record<string, string>>;

async function faultsOf(environment: Environment): Promise<readonly string[]> {
  try {
    await readConfig({ ...MEMORY, environment });
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.faults;
  }
}

const CONFIGURATION: Service = {
  name: 'promgate',
  credentials: {
    broker: { username: 'cf', password: 'p"w: {' },
    auth: { mode: 'token', operators: [{ username: 'ops', password: '✓ secret' }] },
    routes: { gorouter: [{ url: 'http://router:8082/routes', username: 'u', password: 'p' }] },
    external_exporters: [],
    scrape: { concurrency: 7 },
    log: { level: 'warn' },
  },
};
const DATABASE: Service = {
  name: 'db',
  tags: ['PostgreSQL', 'relational'],
  credentials: {
    hostname: 'db.internal',
    port: 5433,
    username: 'u@',
    password: 'p/w',
    database: 'n',
  },
};
const REDIS: Service = {
  name: 'promgate-redis',
  tags: [],
  credentials: { host: 'r', port: 7, tls_port: null, password: '#' },
};

describe('bound services', () => {
  it('give one configuration, whichever way they are passed', async () => {
    await using bound = await passServices([CONFIGURATION, DATABASE, REDIS]);

    const configs = await Promise.all(
      Object.values(bound.ways).map((environment) => readConfig({ ...MEMORY, environment })),
    );

    const [first, ...others] = configs;
    assert.equal(first?.database.address.engine, 'postgres');
    assert.deepEqual(first.broker?.accounts, [{ username: 'cf', password: 'p"w: {' }]);
    assert.equal(first.redis?.address.password, '#');
    assert.equal(first.scrape.concurrency, 7);
    for (const other of others) assert.deepEqual(other, first);
  });

  it('give one configuration for any texts in them', async () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(text, text, fc.boolean(), async (username, password, greet) => {
        const credentials = {
          auth: { mode: 'basic', operators: [{ username, password }] },
          routes: { nats: { servers: ['nats://n:4222'], password, username, greet } },
        };
        await using bound = await passServices([{ name: 'promgate', credentials }]);

        const results = await Promise.all(
          Object.entries(bound.ways).map(async ([source, environment]) => {
            try {
              return JSON.stringify(await readConfig({ ...MEMORY, environment }));
            } catch (error) {
              assert.ok(error instanceof ConfigError);
              return error.faults.map((fault) => fault.replaceAll(source, '')).join('\n');
            }
          }),
        );

        assert.equal(new Set(results).size, 1, results.join('\n'));
      }),
      { numRuns: 50 },
    );
  });

  it('are read through the links that Kubernetes makes of files', async () => {
    await using bound = await passServices([]);
    const folder = path.join(bound.root, 'promgate');
    await mkdir(path.join(folder, '..2026_01'), { recursive: true });
    await writeFile(path.join(folder, '..2026_01', 'log'), '{"level":"error"}');
    await symlink('..2026_01', path.join(folder, '..data'));
    await symlink('..data/log', path.join(folder, 'log'));

    const { log } = await readConfig({
      ...MEMORY,
      environment: bound.ways.SERVICE_BINDING_ROOT,
    });

    assert.equal(log.level, 'error');
  });

  it('are none where the platform has made no folder, and beside the file of all services', async () => {
    await using bound = await passServices([]);
    await writeFile(path.join(bound.root, 'vcap_services'), '{"not":"ours"}');

    assert.deepEqual(await faultsOf({ SERVICE_BINDING_ROOT: `${bound.root}/none` }), []);
    assert.deepEqual(await faultsOf({ SERVICE_BINDING_ROOT: bound.root }), []);
    assert.deepEqual(
      await faultsOf({ SERVICE_BINDING_ROOT: '', VCAP_SERVICES_FILE_PATH: ' ' }),
      [],
    );
  });

  it('count once where two variables pass a service of one name', async () => {
    await using bound = await passServices([CONFIGURATION, DATABASE]);
    const environment = Object.assign({}, ...Object.values(bound.ways));

    assert.deepEqual(await faultsOf(environment), []);
  });

  it('hold a database whose name the binding hides only if the name is elsewhere, too', async () => {
    const { database: _, ...named } = DATABASE.credentials;
    const hidden = { ...DATABASE, credentials: { ...named, name: 'n' } };
    await using bound = await passServices([CONFIGURATION, hidden]);

    assert.deepEqual(await faultsOf(bound.ways.VCAP_SERVICES), []);
    assert.deepEqual(await faultsOf(bound.ways.SERVICE_BINDING_ROOT), [
      'SERVICE_BINDING_ROOT: service "db": its credentials hold no uri, and no host and name; the file name holds the name of the binding, so the database must be in uri, database or dbname',
    ]);
  });
});

describe('a file of bound services', () => {
  for (const [content, why] of [
    ['{"half', 'is not a JSON object'],
    ['[]', 'is not a JSON object'],
    [Buffer.from([0x7b, 0xff, 0x7d]), 'cannot be read: the file is not UTF-8'],
    [' '.repeat(1_048_577), 'cannot be read: the file is larger than 1MiB'],
  ] as const) {
    it(`is refused: it ${why} (${content.length} bytes)`, async () => {
      await using bound = await passServices([]);
      await writeFile(bound.file, content);

      assert.deepEqual(await faultsOf({ VCAP_SERVICES_FILE_PATH: bound.file }), [
        `VCAP_SERVICES_FILE_PATH, ${bound.file}: ${why}`,
      ]);
    });
  }

  it('is refused where it is missing', async () => {
    assert.deepEqual(await faultsOf({ VCAP_SERVICES_FILE_PATH: '/nowhere/vcap' }), [
      'VCAP_SERVICES_FILE_PATH, /nowhere/vcap: cannot be read: there is no such file',
    ]);
  });
});

describe('a folder of bound services', () => {
  /** What is wrong with the file `key` of the binding `promgate`. */
  async function faultOfFile(key: string, write: (file: string) => Promise<unknown>) {
    await using bound = await passServices([CONFIGURATION]);
    const file = path.join(bound.root, 'promgate', key);
    await rm(file, { force: true });
    await write(file);
    const faults = await faultsOf(bound.ways.SERVICE_BINDING_ROOT);
    return faults.map((fault) => fault.replace(bound.root, 'ROOT'));
  }

  for (const [key, content, why] of [
    ['tags', 'promgate', 'it must hold a list of texts in JSON'],
    ['tags', '[1]', 'it must hold a list of texts in JSON'],
    ['broker', Buffer.from([0xff]), 'the file is not UTF-8'],
    ['broker', 'x'.repeat(1_048_577), 'all files together are larger than 1MiB'],
  ] as const) {
    it(`is refused for its file ${key}: ${why} (${content.length} bytes)`, async () => {
      assert.deepEqual(await faultOfFile(key, (file) => writeFile(file, content)), [
        `SERVICE_BINDING_ROOT, ROOT/promgate/${key}: cannot be read: ${why}`,
      ]);
    });
  }

  it('is refused for a pipe and for a folder in place of a file, and waits for neither', async () => {
    const pipe = (file: string): Promise<unknown> => promisify(execFile)('mkfifo', [file]);

    assert.deepEqual(await faultOfFile('broker', pipe), [
      'SERVICE_BINDING_ROOT, ROOT/promgate/broker: cannot be read: this is no regular file',
    ]);
    assert.deepEqual(await faultOfFile('broker', (file) => mkdir(file)), [
      'SERVICE_BINDING_ROOT, ROOT/promgate/broker: cannot be read: this is a directory',
    ]);
  });

  it('is refused for half a section of the configuration, without its text', async () => {
    const faults = await faultOfFile('broker', (file) => writeFile(file, '{"password":"hunter2"'));

    assert.match(faults.join('\n'), /^SERVICE_BINDING_ROOT, service "promgate": broker /);
    assert.doesNotMatch(faults.join('\n'), /hunter2/);
  });

  it('is refused where a file stands in its place', async () => {
    await using bound = await passServices([]);

    const [fault] = await faultsOf({ SERVICE_BINDING_ROOT: bound.file });

    assert.match(fault ?? '', /^SERVICE_BINDING_ROOT, .*vcap_services: cannot be read: ENOTDIR/);
  });
});
