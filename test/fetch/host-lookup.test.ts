import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  type Lookup,
  type LookupOptions,
  systemLookup,
  within,
} from '../../src/fetch/host-lookup.ts';
import { hostsFile } from '../../src/fetch/hosts-file.ts';
import { startNameServer } from './name-server.ts';

const noHosts = async (): Promise<readonly string[]> => [];

function soon(ms = 5_000): LookupOptions {
  const { signal } = new AbortController();
  return { deadlineMs: performance.now() + ms, signal, hurries: [] };
}

describe('systemLookup', () => {
  it('gives all addresses of both families, those of IPv4 first', async () => {
    await using server = await startNameServer({
      'a.example': ['2001:db8:0:0:0:0:0:1', '192.0.2.1', '192.0.2.2'],
      'b.example': ['2001:db8:0:0:0:0:0:2'],
      'c.example': ['192.0.2.3'],
    });
    const lookup = systemLookup({ inHosts: noHosts, servers: [server.address] });

    assert.deepEqual(await lookup('a.example', soon()), ['192.0.2.1', '192.0.2.2', '2001:db8::1']);
    assert.deepEqual(await lookup('b.example', soon()), ['2001:db8::2']);
    assert.deepEqual(await lookup('c.example', soon()), ['192.0.2.3']);
  });

  it('asks again each time', async () => {
    await using server = await startNameServer({ 'a.example': ['192.0.2.1'] });
    const lookup = systemLookup({ inHosts: noHosts, servers: [server.address] });
    for (let i = 0; i < 3; i++) await lookup('a.example', soon());

    assert.equal(server.asked.length, 6);
  });

  it('gives none for a name that nobody knows', async () => {
    await using server = await startNameServer({ 'empty.invalid': [] });
    const lookup = systemLookup({ inHosts: noHosts, servers: [server.address] });

    assert.equal(await lookup('empty.invalid', soon()), 'none');
    assert.equal(await lookup('nobody.invalid', soon()), 'none');
  });

  it('waits for a server that hangs until the deadline, and not for a reader that has left', async () => {
    await using server = await startNameServer({ 'hang.example': 'hang' });
    const lookup = systemLookup({ inHosts: noHosts, servers: [server.address] });
    const reader = new AbortController();

    const late = await lookup('hang.example', soon(50));
    const leaving = lookup('hang.example', { ...soon(), signal: reader.signal });
    reader.abort();

    assert.equal(late, 'late');
    assert.equal(await leaving, 'late');
  });

  it('prefers the hosts file, in which names may have several addresses', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-hosts-'));
    await using parts = new AsyncDisposableStack();
    parts.defer(() => rm(folder, { recursive: true }));
    const file = path.join(folder, 'hosts');
    await writeFile(file, '# 1.1.1.1 no\n192.0.2.7 A.example alias # b.example\n::1 alias\nx y\n');
    const lookup: Lookup = systemLookup({ inHosts: hostsFile(file), servers: ['127.0.0.1:9'] });

    assert.deepEqual(await lookup('a.example', soon()), ['192.0.2.7']);
    assert.deepEqual(await lookup('a.example.', soon()), ['192.0.2.7']);
    assert.deepEqual(await lookup('ALIAS', soon()), ['192.0.2.7', '::1']);
    assert.deepEqual(await hostsFile(file)('b.example'), []);
    assert.deepEqual(await hostsFile(path.join(folder, 'nothing'))('alias'), []);
  });
});

describe('within', () => {
  it('gives what was found, and none for a failure', async () => {
    assert.deepEqual(await within(Promise.resolve(['192.0.2.1']), soon()), ['192.0.2.1']);
    assert.equal(await within(Promise.resolve([]), soon()), 'none');
    assert.equal(await within(Promise.reject(new Error('no')), soon()), 'none');
  });

  it('ends when the deadline is now, whenever that is said', async () => {
    const never = new Promise<readonly string[]>(() => undefined);
    const hurry = new AbortController();
    const waiting = within(never, { ...soon(), hurries: [hurry.signal] });
    hurry.abort();

    assert.equal(await waiting, 'late');
    assert.equal(await within(never, { ...soon(), hurries: [hurry.signal] }), 'late');
    assert.equal(await within(never, soon(-1)), 'late');
  });
});
