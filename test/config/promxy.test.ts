import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ConfigError, readConfig } from '../../src/config/config.ts';
import { readPromxyFile, remarksOf } from '../../src/config/promxy.ts';

/** Every key that Promxy has. */
const EVERYTHING = `
global:
  evaluation_interval: 5s
  external_labels: { source: promxy-1 }
  query_log_file: query.log
rule_files: ['*rule']
alerting: { alertmanagers: [{ static_configs: [{ targets: ['127.0.0.1:9093'] }] }] }
remote_write: [{ url: 'http://127.0.0.1:8083/receive' }]
tls_server_config: { cert_file: a.pem, key_file: b.pem }
promxy:
  server_groups:
    - name: first
      static_configs: [{ targets: ['127.0.0.1:9090', '127.0.0.1:9091'], labels: { rack: r1 } }]
      file_sd_configs: [{ files: [servers-*.json] }]
      dns_sd_configs: [{ names: [_prometheus._tcp.example.org] }]
      http_sd_configs: [{ url: 'http://127.0.0.1:1/sd', basic_auth: { username: u, password: secret } }]
      labels: { sg: first, number: 1 }
      anti_affinity: 10s
      anti_affinity_dynamic: true
      timeout: 1.5s
      remote_read: true
      remote_read_path: /api/v1/read
      native_histogram: { metadata_refresh: 5m, allow_lossy: true }
      path_prefix: /prefix
      query_params: { nocache: 1 }
      http_headers: { X-Scope-OrgID: tenant }
      scheme: https
      http_client:
        dial_timeout: 1s
        dial_network: tcp4
        fallback_delay: 50ms
        follow_redirects: false
        enable_http2: false
        proxy_url: 'http://proxy.example.org:3128'
        no_proxy: localhost
        oauth2: { client_id: id, client_secret: secret, token_url: 'https://example.org/token', scopes: [a] }
        tls_config: { insecure_skip_verify: true, server_name: prometheus, min_version: TLS12 }
      relative_time_range: { start: -3h, end: -1h, truncate: true }
      absolute_time_range: { start: '2009-10-10T23:00:00Z', end: '2009-10-11T23:00:00Z' }
      prefer_max: true
      relabel_configs:
        - { source_labels: [__meta_dns_name], regex: '.+', target_label: datacenter }
      metrics_relabel_configs:
        - { action: labeldrop, source_label: replica }
        - { action: uppercase, source_label: instance, target_label: instanceUpper }
      max_idle_conns: 20000
      max_idle_conns_per_host: 1000
      idle_conn_timeout: 300s
      ignore_error: true
      downgrade_error: true
      label_filter:
        dynamic_labels: [__name__]
        sync_interval: 5m
        static_labels_include: { instance: [i1] }
        static_labels_exclude: { __name__: [up] }
        on_sync_error: closed
      inject_matchers: ['cluster="A"', 'region=~"us-.*"']
      align_query_range_with_step: true
    - static_configs: [{ targets: ['127.0.0.1:9092'] }]
      labels: { sg: second }
`;

const MEMORY_BYTES = 2 ** 30;

async function inFile(text: string) {
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-promxy-'));
  const file = path.join(folder, 'promxy.yaml');
  await writeFile(file, text);
  return {
    file,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

async function queryOf(text: string) {
  await using written = await inFile(text);
  const config = await readConfig({ promxyFile: written.file, memoryBytes: MEMORY_BYTES });
  return config.query!; // a promxy.yaml is nothing else
}

describe('a promxy.yaml', () => {
  it('is read with all its keys', async () => {
    const { groups, externalLabels } = await queryOf(EVERYTHING);
    const [first, second] = groups;

    assert.deepEqual(externalLabels, { source: 'promxy-1' });
    assert.deepEqual(second?.labels, { sg: 'second' });
    assert.equal(second?.name, 'group-1');
    assert.partialDeepStrictEqual(first, {
      ...{ name: 'first', labels: { sg: 'first', number: '1' }, scheme: 'https' },
      ...{ pathPrefix: '/prefix', remoteRead: 'always', remoteReadPath: 'api/v1/read' },
      merge: { antiAffinityMs: 10_000, dynamic: true, preferMax: true },
      onError: 'ignore',
      timeLimits: [
        { kind: 'relative', start: -10_800_000, end: -3_600_000, truncate: true },
        { kind: 'absolute', start: 1_255_215_600_000, end: 1_255_302_000_000, truncate: false },
      ],
      labelFilter: {
        ...{ dynamicLabels: ['__name__'], syncIntervalMs: 300_000, untilSynced: 'closed' },
        ...{ include: { instance: ['i1'] }, exclude: { __name__: ['up'] } },
      },
      injectMatchers: ['cluster="A"', 'region=~"us-.*"'],
    });
    assert.partialDeepStrictEqual(first?.client, {
      ...{ headers: { 'X-Scope-OrgID': 'tenant' }, queryParameters: [['nocache', '1']] },
      ...{ dialTimeoutMs: 1_000, headTimeoutMs: 1_500, idleTimeoutMs: 300_000 },
      followsRedirects: false,
      authorization: { kind: 'oauth2', clientId: 'id', clientSecret: { text: 'secret' } },
      tls: { skipsVerification: true, serverName: 'prometheus', minVersion: 'TLSv1.2' },
      proxy: { url: 'http://proxy.example.org:3128', exceptFor: ['localhost'] },
    });
    assert.deepEqual(
      first?.discovery.staticServers.map(({ address }) => address),
      ['127.0.0.1:9090', '127.0.0.1:9091'],
    );
    assert.partialDeepStrictEqual(first?.discovery.http[0]?.client.authorization, {
      ...{ kind: 'basic', password: { text: 'secret' } },
    });
  });

  it('says of each key what becomes of it', async () => {
    await using written = await inFile(`${EVERYTHING}      frobnicate: true\n`);

    const { fates } = await readPromxyFile(written.file);

    const unused = fates
      .filter(({ fate }) => fate !== 'used')
      .map(({ key, fate }) => `${key} ${fate}`);
    assert.deepEqual(unused.sort(), [
      'alerting without effect',
      'global.evaluation_interval without effect',
      'global.query_log_file without effect',
      'promxy.server_groups[0].align_query_range_with_step without effect',
      'promxy.server_groups[0].http_client.dial_network without effect',
      'promxy.server_groups[0].http_client.enable_http2 without effect',
      'promxy.server_groups[0].http_client.fallback_delay without effect',
      'promxy.server_groups[0].max_idle_conns without effect',
      'promxy.server_groups[0].native_histogram without effect',
      'promxy.server_groups[1].frobnicate unknown',
      'remote_write without effect',
      'rule_files without effect',
      'tls_server_config without effect',
    ]);
    assert.ok(fates.every(({ fate, why }) => fate !== 'without effect' || why !== ''));
    assert.equal(remarksOf(fates).warnings.length, 13);
  });

  it('is refused if a key is set that answers would be wrong without', async () => {
    const group = (key: string) => `promxy: { server_groups: [{ ${key} }] }`;
    for (const [key, told] of [
      ['consul_sd_configs: [{ server: localhost }]', /consul_sd_configs is not supported/],
      ['http_client: { sigv4: { region: us } }', /sigv4 is not supported/],
      ["static_configs: [{ targets: ['http://a:1/'] }]", /must be host:port/],
      ['relative_time_range: { start: -1h, end: -2h }', /must end after its start/],
      ['inject_matchers: [cluster]', /must be a matcher/],
    ] as const) {
      await assert.rejects(queryOf(group(key)), (error) => {
        assert.ok(error instanceof ConfigError);
        assert.match(error.faults.join('\n'), told);
        return true;
      });
    }
  });

  it('is refused if nobody could tell the series of two groups apart', async () => {
    const groups = (...keys: readonly string[]) =>
      `promxy: { server_groups: [${keys
        .map((key, at) => `{ static_configs: [{ targets: ['a:${at}'] }], ${key} }`)
        .join()}] }`;
    const accepted = [
      ['labels: { a: x }', 'labels: { a: y }'],
      ['name: one', 'replica_of: one'],
      ['name: one', 'partition: none'],
      ['inject_matchers: [\'a="x"\']', 'inject_matchers: [\'a="y"\']'],
      ['relative_time_range: { start: -1h }', 'relative_time_range: { end: -1h }'],
    ];
    for (const keys of accepted) assert.equal((await queryOf(groups(...keys))).groups.length, 2);

    for (const keys of [
      ['name: one', 'name: two'],
      ['labels: { a: x }', 'labels: { b: y }'],
      ['labels: { a: x }', 'labels: { a: x }'],
      ['relative_time_range: { start: -1h }', 'relative_time_range: { end: -30m }'],
    ]) {
      await assert.rejects(queryOf(groups(...keys)), /may hold the same series/);
    }
  });
});
