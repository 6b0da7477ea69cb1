/**
 * The programs that the benchmark of pushes measures beside each other: promgate in each durability,
 * Debian's Pushgateway, and the floor. Needs the programs `prometheus-pushgateway` and `redis-server`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BROKER, Platform } from '../test/support/platform.ts';
import { type Child, startProgram, startScript } from './child.ts';
import { freePort, startPromgate } from './promgate.ts';
import type { PushFloorOptions } from './push-floor.ts';

/** Names as they are in the tables. */
export const PUSH_TARGETS = [
  'floor',
  'memory',
  'memory, tokens',
  'disk',
  'disk, tokens',
  'shared',
  'Pushgateway',
  'Pushgateway, unchecked',
] as const;

export type PushTargetName = (typeof PUSH_TARGETS)[number];

export interface PushTarget extends AsyncDisposable {
  readonly name: PushTargetName;
  readonly port: number;
  /** Of the page with all metrics; `/job/<name>` behind it is where a job pushes. */
  readonly page: string;
  /** Headers of each request, beside those of the case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Whether pushes can be added, else each replaces the families of its job. */
  readonly adds: boolean;
  readonly child: Child;
  /** The server in which `shared` keeps what it is given. */
  readonly redis?: Child;
}

/** @param floorPageBytes - the length of the page that the floor serves */
export async function startPushTarget(
  name: PushTargetName,
  floorPageBytes: number,
): Promise<PushTarget> {
  await using parts = new AsyncDisposableStack();
  const started = await start(name, parts, floorPageBytes);
  const owned = parts.move();
  return { name, ...started, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

type Started = Omit<PushTarget, 'name' | typeof Symbol.asyncDispose>;

async function start(
  name: PushTargetName,
  parts: AsyncDisposableStack,
  pageBytes: number,
): Promise<Started> {
  if (name === 'floor') return startFloor(parts, { pageBytes });
  if (name === 'Pushgateway') return startPushgateway(parts, []);
  if (name === 'Pushgateway, unchecked') {
    return startPushgateway(parts, ['--push.disable-consistency-check']);
  }
  return startGateway(parts, name);
}

async function startFloor(
  parts: AsyncDisposableStack,
  options: PushFloorOptions,
): Promise<Started> {
  const { child, firstLine } = await startScript('push-floor.ts', options);
  parts.use(child);
  return { port: Number(firstLine), page: '/metrics', headers: [], adds: true, child };
}

async function startPushgateway(
  parts: AsyncDisposableStack,
  flags: readonly string[],
): Promise<Started> {
  const port = await freePort();
  const child = startProgram('prometheus-pushgateway', [
    `--web.listen-address=127.0.0.1:${port}`,
    ...['--persistence.file=', '--log.level=error', ...flags],
  ]);
  parts.use(child);
  child.discard();
  await untilOk(`http://127.0.0.1:${port}/-/ready`, child);
  return { port, page: '/metrics', headers: [], adds: false, child };
}

/** More than any case pushes: no push is to be refused. */
const LIMITS = {
  ...{ max_body: '64MiB', series: 10_000_000, series_per_family: 10_000_000 },
  ...{ families: 1_000_000, groups: 1_000_000, total_series: 10_000_000 },
  pushes_per_second: 1_000_000,
};

async function startGateway(
  parts: AsyncDisposableStack,
  name: Exclude<PushTargetName, 'floor' | 'Pushgateway' | 'Pushgateway, unchecked'>,
): Promise<Started> {
  const durability = name.split(',')[0]!; // a text has a first part
  const hasTokens = name.endsWith('tokens');
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-bench-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  const redis = durability === 'shared' ? await startRedis(parts, folder) : undefined;
  const promgate = await startPromgate({}, () => ({
    push: { durability, file: path.join(folder, 'pushes.db'), limits: LIMITS },
    ...(redis && { redis: { url: redis.url } }),
    ...(hasTokens && {
      auth: { mode: 'token', operators: [OPERATOR] },
      broker: BROKER,
      database: { url: `sqlite:${folder}/promgate.db`, encryption_key: 'a key of the benchmark' },
    }),
  }));
  parts.use(promgate);
  const token = hasTokens ? await bind(promgate.url) : undefined;
  return {
    port: Number(new URL(promgate.url).port),
    page: '/push/metrics',
    headers: token === undefined ? [] : [['Authorization', `Bearer ${token}`]],
    adds: true,
    child: promgate.child,
    ...(redis && { redis: redis.child }),
  };
}

const OPERATOR = { username: 'operator', password: 'a password of the benchmark' };

const SERVICE = '75bcebab-cc25-4ef6-89dc-a91b953919f1';
const PLAN = { service_id: SERVICE, plan_id: '13d6b8f7-6643-4524-94e5-74029a36cf56' };
const PLACE = { organization_guid: 'organization', space_guid: 'space' };

/** @returns the token of a new binding of the plan `push` */
async function bind(url: string): Promise<string> {
  const platform = new Platform({ url });
  const instance = '/service_instances/instance';
  await platform.call('PUT', instance, { ...PLAN, ...PLACE });
  const { status, body } = await platform.call('PUT', `${instance}/service_bindings/binding`, {
    ...PLAN,
    bind_resource: { app_guid: 'app', space_guid: PLACE.space_guid },
  });
  if (status !== 201) throw new Error(`the bind was answered with ${status}`);
  return body.credentials.token;
}

/** Debian's redis-server, which keeps nothing on disk. */
async function startRedis(parts: AsyncDisposableStack, folder: string) {
  const port = await freePort();
  const child = startProgram('redis-server', [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
    ...['--save', '', '--appendonly', 'no'],
  ]);
  parts.use(child);
  for (let line: string | undefined = ''; !/Ready to accept/.test(line); ) {
    line = await child.line();
    if (line === undefined) throw new Error('redis-server has ended');
  }
  child.discard();
  return { child, url: `redis://127.0.0.1:${port}` };
}

async function untilOk(url: string, { rssBytes }: Child): Promise<void> {
  for (const deadlineMs = performance.now() + 30_000; performance.now() < deadlineMs; ) {
    const answer = await fetch(url).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok) return;
    rssBytes(); // throws if the process has ended; otherwise the port is not open yet
    await delay(2);
  }
  throw new Error(`${url} gave no 200 in 30 s`);
}
