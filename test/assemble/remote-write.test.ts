/** Remote write as the program assembles it, with its metrics and its lines in the log. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openRemoteWrites, type RemoteWritesOptions } from '../../src/assemble/remote-write.ts';
import { readConfig } from '../../src/config/config.ts';
import { parseRedisUrl } from '../../src/config/redis-url.ts';
import { type Link, openLink } from '../../src/store/redis.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { textSource } from '../push/send/remote.ts';
import { CertificateFolder } from '../serve/openssl.ts';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import { recordLog } from '../support/promgate.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { startReceiver, storesAll } from '../support/remote-receiver.ts';
import { requireProgram } from '../support/require-program.ts';

async function open(remotes: readonly object[], options: Partial<RemoteWritesOptions> = {}) {
  const values = { push: { remote_write: remotes } };
  const { push } = await readConfig({ values, memoryBytes: 2 ** 30 });
  assert.ok(push);
  const { log, lines } = recordLog();
  const registry = new MetricRegistry();
  const source = textSource('jobs_total{job="a"} 5');
  const ground = { log, registry, authorities: async () => [], cut: new AbortController() };
  const part = await openRemoteWrites(push.remoteWrite, { source, ...options }, ground);
  const metric = async (series: string): Promise<number | undefined> => {
    const line = (await registry.print()).split('\n').find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  };
  return {
    lines,
    metric,
    untilMetric: (series: string, least: number) =>
      eventually(series, async () => ((await metric(series)) ?? 0) >= least || undefined),
    [Symbol.asyncDispose]: () => part[Symbol.asyncDispose](),
  };
}

async function openLinkTo(url: string): Promise<Link> {
  const address = parseRedisUrl(url);
  const link = openLink({ address, tls: undefined, connectMs: 10_000, onLost: () => undefined });
  await link.enter();
  return link;
}

describe('remote write of the program', function () {
  this.timeout(SLOW_MS);

  it('sends to each receiver, with credentials and headers of its own', async () => {
    await using first = await startReceiver();
    await using second = await startReceiver();
    await using part = await open([
      { url: first.url, name: 'first', auth: { username: 'u', password: 'p:q' } },
      {
        ...{ url: second.url, name: 'second', auth: { token: 'secret' }, version: 1 },
        headers: [{ name: 'X-Scope-OrgID', value: 'team' }],
        relabel: [{ target_label: 'cluster', replacement: 'eu' }],
      },
    ]);
    const [[one], two] = await Promise.all([first.received(1), second.received(2)]);

    assert.equal(one?.headers.authorization, `Basic ${Buffer.from('u:p:q').toString('base64')}`);
    assert.match(one?.headers['user-agent'] ?? '', /^promgate\/\d/);
    assert.equal(two[0]?.headers.authorization, 'Bearer secret');
    assert.equal(two[0]?.headers['x-scope-orgid'], 'team');
    const labels = second.stored.map((series) => series.labels);
    assert.deepEqual(labels, [{ __name__: 'jobs_total', cluster: 'eu', job: 'a' }]);
    await part.untilMetric('promgate_remote_write_samples_total{remote="first"}', 1);
    assert.equal(await part.metric('promgate_remote_write_series{remote="first"}'), 1);
    assert.equal(await part.metric('promgate_remote_write_protocol_version{remote="second"}'), 1);
    assert.equal(await part.metric('promgate_remote_write_active{remote="first"}'), 1);
  });

  it('trusts the authority that is configured, and says what to do without', async function () {
    requireProgram(this, 'openssl');
    using certificates = new CertificateFolder();
    const files = certificates.selfSigned('receiver');
    const [cert, key] = await Promise.all([
      readFile(files.cert, 'utf8'),
      readFile(files.key, 'utf8'),
    ]);
    await using receiver = await startReceiver(storesAll, { cert, key });
    {
      await using _part = await open([{ url: receiver.url, tls: { ca: files.cert } }]);
      await receiver.received(1);
    }
    await using part = await open([{ url: receiver.url }]);

    const line = await eventually('a warning', () =>
      part.lines.find(({ level }) => level === 'warn'),
    );
    assert.equal(line.fields['reason'], 'tls');
    assert.match(String(line.fields['advice']), /tls of this receiver/);
  });

  it("writes a receiver's words into the log as they are, once a minute", async () => {
    const words = 'out of order sample: label "ä"\tx\n';
    await using receiver = await startReceiver(() => ({ status: 403, body: words }));
    await using part = await open([{ url: receiver.url, name: 'r', interval: '1s' }]);
    await receiver.received(2);
    const lost = 'promgate_remote_write_samples_lost_total{remote="r",reason="unauthorized"}';
    await part.untilMetric(lost, 2);

    const lines = part.lines.filter(({ fields }) => fields['reason'] === 'unauthorized');
    assert.deepEqual(
      lines.slice(0, 2).map(({ level }) => level),
      ['warn', 'debug'],
    );
    assert.equal(lines[0]?.fields['answer'], words);
    assert.equal(lines[0]?.fields['status'], 403);
    assert.match(String(lines[0]?.fields['advice']), /look at auth/);
  });

  it('keeps the queue of each receiver in a file of its own', async () => {
    await using receiver = await startReceiver(() => ({ status: 503 }));
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-remote-write-'));
    await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
    const queue = { file: path.join(folder, 'push.db') };
    const remotes = [
      { url: receiver.url, name: 'a:1', interval: '1s' },
      { url: receiver.url, name: 'b', interval: '1s' },
    ];
    await using part = await open(remotes, { queue });
    await part.untilMetric('promgate_remote_write_queue_bytes{remote="b"}', 1);
    await part.untilMetric('promgate_remote_write_behind_seconds{remote="a:1"}', 0.001);
    const retried = 'promgate_remote_write_samples_retried_total{remote="b",reason="server_error"}';
    await part.untilMetric(retried, 1);

    const files = (await readdir(folder)).filter((file) => !/-(?:wal|shm)$/.test(file));
    assert.deepEqual(files.toSorted(), ['push.db-remote-write-a%3A1', 'push.db-remote-write-b']);
    receiver.reply = storesAll;
  });

  it('keeps the queue in Redis where replicas share it', async function () {
    await using server = await startRedisServer(this);
    await using receiver = await startReceiver(() => ({ status: 503 }));
    const redis = { address: parseRedisUrl(server.url), readTls: undefined, prefix: 'promgate' };
    const remotes = [{ url: receiver.url, name: 'r', interval: '1s' }];
    await using part = await open(remotes, { queue: { redis } });
    const asked = await openLinkTo(server.url);
    const kept = async () => (await asked.call([['hlen', 'promgate:remote-write:{r}:index']]))[0];

    await eventually('a batch in Redis', async () => (Number(await kept()) > 0 ? true : undefined));
    receiver.reply = storesAll;
    await eventually('an empty queue', async () => (Number(await kept()) === 0 ? true : undefined));
    await part.untilMetric('promgate_remote_write_samples_total{remote="r"}', 2);
    asked.close();
  });

  it('goes on in memory where the file cannot be made', async () => {
    await using receiver = await startReceiver();
    await using part = await open([{ url: receiver.url }], {
      queue: { file: '/no/such/folder/x' },
    });
    await receiver.received(1);

    assert.match(part.lines[0]?.message ?? '', /promgate goes on/);
  });
});
