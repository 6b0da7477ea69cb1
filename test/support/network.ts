/**
 * A network on this machine that has nothing but loopback: several addresses with names, and a server for these names.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Network } from './container.ts';

const NAME_SERVER = fileURLToPath(new URL('name-server.ts', import.meta.url));

export interface NamedNetwork extends Network, AsyncDisposable {
  /** Starts a program of this machine in it; its `/etc/hosts` and its name server are the network's. */
  spawn(program: string, args: readonly string[]): ChildProcess;
  /** Runs a script of bash in it. @throws {Error} unless its exit code is 0 @returns standard output */
  script(text: string): Promise<string>;
}

/** @param names - each gets an address of its own, as in a network of Docker's */
export async function startNetwork(names: readonly string[]): Promise<NamedNetwork> {
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-network-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  const hosts = path.join(folder, 'hosts');
  const resolver = path.join(folder, 'resolv.conf');
  const addresses = names.map((_, index) => `172.28.0.${index + 2}`);
  const lines = names.map((name, index) => `${addresses[index]} ${name}\n`);
  await writeFile(hosts, `${lines.join('')}127.0.0.1 localhost\n`);
  await writeFile(resolver, 'nameserver 127.0.0.1\n');

  const links = addresses.map((address) => `ip address add ${address}/32 dev lo`);
  const setUp = ['set -e', 'ip link set lo up', ...links, 'echo ready', 'exec sleep infinity'];
  const holder = spawn('unshare', ['--net', 'bash', '--norc', '-c', setUp.join('\n')], {
    stdio: PIPES,
  });
  parts.defer(() => kill(holder));
  await untilReady(holder);
  const file = `/proc/${holder.pid}/ns/net`;
  const bind = 'mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf && shift 2';
  const start = (program: string, args: readonly string[]): ChildProcess => {
    const inside = ['unshare', '--mount', 'bash', '--norc', '-c', `${bind} && exec "$@"`, 'bash'];
    const command = [...inside, hosts, resolver, program, ...args];
    return spawn('nsenter', [`--net=${file}`, ...command], { stdio: PIPES });
  };
  const nameServer = start(process.execPath, [NAME_SERVER, hosts]);
  parts.defer(() => kill(nameServer));
  await untilReady(nameServer);

  const owned = parts.move();
  return {
    file,
    hosts,
    spawn: start,
    script: async (text) => {
      const child = start('bash', ['--norc', '-euo', 'pipefail', '-c', text]);
      const [output, errors] = [child.stdout!, child.stderr!].map((stream) => stream.toArray());
      const [code] = await once(child, 'close');
      if (code !== 0) throw new Error(`${text}: ${code} ${Buffer.concat(await errors!)}`);
      return Buffer.concat(await output!).toString();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Standard input is open and empty. */
const PIPES: ['pipe', 'pipe', 'pipe'] = ['pipe', 'pipe', 'pipe'];

/** @throws {Error} with what it wrote to standard error, if it ends first */
async function untilReady(child: ChildProcess): Promise<void> {
  const errors = child.stderr!.toArray();
  const lines = createInterface({ input: child.stdout! });
  const closed = once(lines, 'close').then(() => undefined);
  const [line] = (await Promise.race([once(lines, 'line'), closed])) ?? [];
  if (line === 'ready') return;
  throw new Error(`the network did not start: ${Buffer.concat(await errors)}`);
}

/** Ends a process that was started here. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
