/**
 * Measures whole scrapes of pages with all their traits: promgate and the floor take turns over the
 * same instances, and in some cases a second promgate over pages without the difficulty.
 *
 * Instances, servers and readers are one process each, so that the CPU time of a server is its own.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { SimulatedApp } from '../test/support/foundation.ts';
import { appGuid, endpointsOf, routesJson } from '../test/support/foundation.ts';
import { BROKER, Platform } from '../test/support/platform.ts';
import { type Child, startScript } from './child.ts';
import type { FloorOptions } from './floor.ts';
import type { FloorWay } from './floor-fetch.ts';
import type { ReaderTurn, TurnSeen } from './page-reader.ts';
import { type PagesCase, type PagesOf, SECOND_PATH } from './pages-cases.ts';
import { type PromgateOptions, startPromgate } from './promgate.ts';
import { megabytes, milliseconds, ratio, table } from './report.ts';
import type { SimulatorOptions } from './simulator.ts';
import { median } from './statistics.ts';

/** How long and how often each server is read from. */
export interface Pace {
  /** Counted turns of each server. */
  readonly rounds: number;
  /** How long a turn lasts: a scrape that is under way is awaited. */
  readonly turnMs: number;
  /** The turns before the counted ones, in which code is compiled. */
  readonly warmUpMs: number;
}

/** The figures of one server; medians over its turns. */
export interface PagesFigures {
  readonly cpuMs: number;
  readonly p50Ms: number;
  readonly peakRssBytes: number;
}

export interface PagesResult {
  readonly of: PagesCase;
  readonly answerBytes: number;
  readonly promgate: PagesFigures;
  readonly floor: PagesFigures;
  readonly reference: PagesFigures | undefined;
  /** promgate's CPU time beside that of the floor in the same round; the median over the rounds. */
  readonly cpuRatio: number;
  readonly p50Ratio: number;
  /** promgate's CPU time beside that of the reference. */
  readonly referenceRatio: number | undefined;
}

/** A server to measure. */
export interface Subject {
  readonly child: Child;
  readonly port: number;
  readonly paths: readonly string[];
}

export interface Turn extends TurnSeen {
  /** Per request. */
  readonly cpuMs: number;
}

interface StartOptions extends PromgateOptions {
  /** Leaves promgate as it started, without a first scrape that checks the page. */
  readonly isUnread?: boolean;
}

/** Instances and readers of a case. */
export interface Scene extends AsyncDisposable {
  /** Starts a promgate before instances with such pages. */
  startPromgate(pages: PagesOf, options?: StartOptions): Promise<Subject>;
  /** Starts a floor that writes as much as the answers of `subject` have, which it reads once. */
  startFloor(
    subject: Subject,
    way: FloorWay,
  ): Promise<{ readonly floor: Subject; readonly answerBytes: number }>;
  turn(subject: Subject, forMs: number, more?: Partial<ReaderTurn>): Promise<Turn>;
  /** Reads each app at least once, so that all connections are open, and then for `forMs`. */
  warmUp(subject: Subject, forMs: number): Promise<void>;
}

/** How many pages an instance has: values and order change from scrape to scrape. */
const SCRAPES = 2;

/** Measures one case from a fresh start of all processes. */
export async function measurePages(
  of: PagesCase,
  pace: Pace,
  way: FloorWay = 'request',
): Promise<PagesResult> {
  await using scene = await openScene(of);
  const promgate = await scene.startPromgate(of);
  const { floor, answerBytes } = await scene.startFloor(promgate, way);
  const reference = of.reference && (await scene.startPromgate(of.reference));
  const subjects = reference ? [promgate, floor, reference] : [promgate, floor];
  for (const subject of subjects) await scene.warmUp(subject, pace.warmUpMs);
  const turns: Turn[][] = subjects.map(() => []);
  for (let round = 0; round < pace.rounds; round++) {
    for (const [at, subject] of subjects.entries()) {
      turns[at]!.push(await scene.turn(subject, pace.turnMs));
    }
  }
  const [ours, floors, references] = turns;
  const ratioTo = (others: readonly Turn[], figure: (turn: Turn) => number): number =>
    median(ours!.map((one, at) => figure(one) / figure(others[at]!))); // as many rounds
  return {
    ...{ of, answerBytes },
    promgate: figures(ours!, promgate),
    floor: figures(floors!, floor),
    reference: reference && figures(references!, reference),
    cpuRatio: ratioTo(floors!, ({ cpuMs }) => cpuMs),
    p50Ratio: ratioTo(floors!, ({ p50Ms }) => p50Ms),
    referenceRatio: references && ratioTo(references, ({ cpuMs }) => cpuMs),
  };
}

function figures(turns: readonly Turn[], { child }: Subject): PagesFigures {
  return {
    cpuMs: median(turns.map(({ cpuMs }) => cpuMs)),
    p50Ms: median(turns.map(({ p50Ms }) => p50Ms)),
    peakRssBytes: child.peakRssBytes(),
  };
}

export async function openScene(of: PagesCase): Promise<Scene> {
  await using parts = new AsyncDisposableStack();
  const reader = parts.use((await startScript('page-reader.ts', {})).child);
  const turn: Scene['turn'] = async (subject, forMs, more = {}) => {
    const { port, paths, child } = subject;
    const { readers, gzip = false } = of;
    const before = child.cpuSeconds();
    reader.send(JSON.stringify({ port, paths, readers, forMs, gzip, ...more }));
    const seen = JSON.parse((await reader.line()) ?? 'null') as TurnSeen | null;
    if (!seen) throw new Error(`${of.name}: the reader has failed`);
    return { ...seen, cpuMs: ((child.cpuSeconds() - before) * 1_000) / seen.requests };
  };
  const owned = parts.move();
  const folderOf = new Map<Subject, { folder: string; pages: PagesOf; addresses: string[] }>();
  return {
    turn,
    warmUp: async (subject, forMs) => {
      const most = Math.ceil(subject.paths.length / of.readers);
      await turn(subject, DEADLINE_MS, { most });
      await turn(subject, forMs);
    },
    startPromgate: async (pages, options = {}) => {
      const simulator = await startSimulator(of, pages);
      owned.use(simulator.child);
      const { addresses } = simulator;
      const apps = appsOf(of, addresses);
      let folder = '';
      const promgate = await startPromgate(
        routesJson(apps),
        (made) => {
          folder = made;
          return pages.second ? withBroker(made) : {};
        },
        options,
      );
      owned.use(promgate);
      if (pages.second) await bindSecondPaths(promgate.url, apps);
      const subject: Subject = {
        child: promgate.child,
        port: Number(new URL(promgate.url).port),
        paths: apps.map((app) => `/v1/apps/${appGuid(app)}/metrics`),
      };
      const pagesThere = of.instances * (pages.second ? 2 : 1);
      if (!options.isUnread) await assertComplete(promgate.url + subject.paths[0]!, pagesThere);
      folderOf.set(subject, { folder, pages, addresses });
      return subject;
    },
    startFloor: async (subject, way) => {
      const { folder, pages, addresses } = folderOf.get(subject)!;
      const { bytes: answerBytes } = await turn(subject, DEADLINE_MS, { ...ONCE, gzip: false });
      const answerFile = path.join(folder, 'answer.txt');
      if (of.gzip) await writeFile(answerFile, await textOf(subject));
      const apps = appsOf(of, addresses).map((app) => ({
        addresses: app.addresses,
        answerBytes,
        paths: pages.second ? ['/metrics', SECOND_PATH] : ['/metrics'],
        ...(of.gzip && { answerFile }),
      }));
      const options: FloorOptions = { apps, way };
      const optionsFile = path.join(folder, 'floor.json');
      await writeFile(optionsFile, JSON.stringify(options)); // too long for an argument
      const started = await startScript('floor.ts', { file: optionsFile });
      const child = owned.use(started.child);
      const port = Number(started.firstLine.split(':')[1]);
      return { answerBytes, floor: { child, port, paths: apps.map((_, at) => `/${at}`) } };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const ONCE = { readers: 1, most: 1 };
const DEADLINE_MS = 120_000;

async function startSimulator(
  { apps, instances, sizeBytes, delayMs = 0 }: PagesCase,
  { traits, second }: PagesOf,
): Promise<{ child: Child; addresses: string[] }> {
  const options: SimulatorOptions = {
    ...{ instances: apps * instances, sizeBytes, delayMs, traits, scrapes: SCRAPES },
    ...(second && { second }),
  };
  const { child, firstLine } = await startScript('simulator.ts', options);
  return { child, addresses: JSON.parse(firstLine) as string[] };
}

function appsOf({ apps, instances }: PagesCase, addresses: readonly string[]): SimulatedApp[] {
  return Array.from({ length: apps }, (_, at) => ({
    ...{ organization: 'acme', space: 'dev', name: `shop-${at}` },
    addresses: addresses.slice(at * instances, (at + 1) * instances),
  }));
}

function withBroker(folder: string): object {
  return {
    broker: BROKER,
    database: { url: `sqlite:${folder}/promgate.db`, encryption_key: 'a key of the benchmark' },
  };
}

/** Binds each app to both of its paths. */
async function bindSecondPaths(url: string, apps: readonly SimulatedApp[]): Promise<void> {
  const platform = new Platform({ url });
  for (const app of apps) {
    const spaceId = endpointsOf(app)[0]?.tags['space_id'] ?? '';
    await platform.createService('instance', spaceId);
    for (const [at, endpoint] of ['/metrics', SECOND_PATH].entries()) {
      const binding = { appId: appGuid(app), spaceId, parameters: { endpoint } };
      const { status, body } = await platform.bind('instance', `${app.name}-${at}`, binding);
      if (status !== 201) throw new Error(`a bind was answered with ${JSON.stringify(body)}`);
    }
  }
}

async function textOf({ port, paths }: Subject): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}${paths[0]}`)).text();
}

/** Throws if the answer lacks pages, since its figures would be worthless. */
async function assertComplete(url: string, pages: number): Promise<void> {
  const deadlineMs = performance.now() + 10_000; // a binding takes effect a moment later
  for (let up = await pagesUp(url); up !== pages; up = await pagesUp(url)) {
    if (performance.now() < deadlineMs) await delay(20);
    else throw new Error(`${url}: ${up} of ${pages} pages are there`);
  }
}

async function pagesUp(url: string): Promise<number> {
  const { body } = await fetch(url);
  let up = 0;
  let rest = '';
  for await (const part of body!) {
    const lines = (rest + Buffer.from(part).toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    up += lines.filter((line) => /^promgate_instance_up\{.*\} 1$/.test(line)).length;
  }
  return up;
}

export function pagesTable(results: readonly PagesResult[]): string {
  const rows = results.map(({ of, answerBytes, promgate, floor, reference, ...ratios }) => [
    of.name,
    megabytes(answerBytes),
    milliseconds(promgate.cpuMs),
    milliseconds(floor.cpuMs),
    ratio(ratios.cpuRatio),
    String(of.toReach),
    reference ? milliseconds(reference.cpuMs) : '',
    ratios.referenceRatio === undefined ? '' : ratio(ratios.referenceRatio),
    milliseconds(promgate.p50Ms),
    milliseconds(floor.p50Ms),
    ratio(ratios.p50Ratio),
    megabytes(promgate.peakRssBytes),
    megabytes(floor.peakRssBytes),
  ]);
  const columns = ['answer', 'CPU', 'floor', 'ratio', 'to reach', 'reference', 'ratio'];
  const more = ['p50', 'floor', 'ratio', 'peak RSS', 'floor'];
  return `${table([['pages', ...columns, ...more], ...rows])}\n`;
}
