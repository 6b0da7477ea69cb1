import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseYaml } from '../../../src/config/prometheus-yaml.ts';
import { dnsDiscovery } from '../../../src/query/discovery/dns.ts';
import { fileDiscovery } from '../../../src/query/discovery/file.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { openTestFederation } from '../../support/federation.ts';

const NEVER = new AbortController().signal;

describe('the discovery of servers by files', () => {
  it('takes over changes, and keeps what a damaged file said before', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-file-sd-'));
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => rm(folder, { recursive: true }));
    const [one, two] = ['s-1.json', 's-2.yml'].map((name) => path.join(folder, name));
    await writeFile(one!, '[{"targets": ["a:1"], "labels": {"dc": "x"}}]');
    await writeFile(two!, '- targets: [b:2]\n');
    const files = [path.join(folder, 's-*')];
    const discovery = fileDiscovery({ files, refreshMs: 300_000, parseYaml });
    const find = async () => (await discovery.find(NEVER)).map(({ address }) => address);

    assert.deepEqual(await discovery.find(NEVER), [
      { address: 'a:1', labels: { __meta_filepath: one, dc: 'x' } },
      { address: 'b:2', labels: { __meta_filepath: two } },
    ]);
    await writeFile(two!, '- targets: [c:3, d:4]\n');
    assert.deepEqual(await find(), ['a:1', 'c:3', 'd:4']);
    await writeFile(two!, '- targets: {');
    assert.deepEqual(await find(), ['a:1', 'c:3', 'd:4']);
    await rm(two!);
    assert.deepEqual(await find(), ['a:1']);
    await rm(one!);
    await assert.rejects(
      fileDiscovery({ files: [one!], refreshMs: 1, parseYaml }).find(NEVER),
      /ENOENT/,
    );
  });
});

/** A name server that has one SRV record and one address for every name. */
async function startNameServer() {
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => {
    const end = query.indexOf(0, 12) + 5; // behind the name and the type and class of the question
    const isSrv = query.readUInt16BE(end - 4) === 33;
    const header = Buffer.from(query.subarray(0, 12));
    header.writeUInt16BE(0x8180, 2);
    header.writeUInt16BE(1, 6);
    header.fill(0, 8);
    const host = Buffer.from('\u0002p1\u0007example\u0003org\u0000', 'latin1');
    const data = isSrv
      ? Buffer.concat([Buffer.from([0, 1, 0, 1, 0x23, 0x82]), host])
      : Buffer.of(10, 0, 0, 7);
    const head = [0xc0, 12, 0, isSrv ? 33 : 1, 0, 1, 0, 0, 0, 1, 0, data.length];
    socket.send(
      Buffer.concat([header, query.subarray(12, end), Buffer.from(head), data]),
      port,
      address,
    );
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    nameServers: [`127.0.0.1:${socket.address().port}`],
    [Symbol.asyncDispose]: async () => {
      socket.close();
    },
  };
}

describe('the discovery of servers by DNS', () => {
  it('takes hosts and ports from SRV records, and hosts from addresses', async () => {
    await using server = await startNameServer();
    const find = (type: 'SRV' | 'A') =>
      dnsDiscovery({
        ...{ names: ['_prometheus._tcp.example.org'], type, port: 9090, refreshMs: 1 },
        nameServers: server.nameServers,
      }).find(NEVER);

    assert.deepEqual(await find('SRV'), [
      {
        address: 'p1.example.org:9090',
        labels: {
          __meta_dns_name: '_prometheus._tcp.example.org',
          __meta_dns_srv_record_port: '9090',
          __meta_dns_srv_record_target: 'p1.example.org',
        },
      },
    ]);
    assert.deepEqual(
      (await find('A')).map(({ address }) => address),
      ['10.0.0.7:9090'],
    );
  });

  it('says that a name server does not answer', async () => {
    const nameServers = ['127.0.0.1:1'];
    const discovery = dnsDiscovery({
      ...{
        names: ['_prometheus._tcp.example.org'],
        type: 'SRV',
        port: 0,
        refreshMs: 1,
        nameServers,
      },
    });

    await assert.rejects(discovery.find(NEVER), /ECONNREFUSED/);
  });
});

describe('a group with discoveries', () => {
  it('keeps its servers, and their state, while a discovery fails', async () => {
    const clock = fakeClock();
    const found = [['a:1', 'b:2'], undefined, ['b:2', 'c:3']];
    let round = 0;
    const discovery = {
      ...{ name: 'test', refreshMs: 1_000 },
      find: async () => {
        const addresses = found[round++];
        if (addresses === undefined) throw new Error('no answer');
        return addresses.map((address) => ({ address, labels: {} }));
      },
    };
    await using federation = openTestFederation([{ urls: [], discoveries: [discovery] }], {
      clock,
    });
    await federation.discovered;
    const state = () => {
      const { servers, discoveryError } = federation.groups()[0]!;
      return { urls: servers.map(({ url }) => url), discoveryError };
    };

    assert.deepEqual(state(), { urls: ['http://a:1/', 'http://b:2/'], discoveryError: '' });
    await clock.advance(1_000);
    assert.deepEqual(state(), {
      ...{ urls: ['http://a:1/', 'http://b:2/'], discoveryError: 'test: no answer' },
    });
    await clock.advance(1_000);
    assert.deepEqual(state(), { urls: ['http://b:2/', 'http://c:3/'], discoveryError: '' });
  });
});
