/**
 * Profiles promgate while it is read from: which stages, and which functions, take its CPU time.
 *
 * `npm run bench -- --profile CASE`, where CASE is one of `pages-cases.ts`.
 */
import { access, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openScene } from './pages.ts';
import type { PagesCase } from './pages-cases.ts';
import {
  type CpuProfile,
  EVENT_LOOP,
  STAGES,
  type Stage,
  type StageTimes,
  stageTimes,
} from './profile-stages.ts';
import { ROOT } from './promgate.ts';
import { milliseconds, table } from './report.ts';
import { type ThreadTimes, threadTimes } from './threads.ts';

export interface ProfilePace {
  readonly warmUpMs: number;
  /** How long promgate is read from while it is profiled. */
  readonly forMs: number;
}

/** The CPU time of the process while it was profiled. */
interface CpuSpent {
  readonly mainSeconds: number;
  /** Other threads by name, without the profiler's. */
  readonly others: ReadonlyMap<string, number>;
  /** The share of the main thread's time that the kernel took. */
  readonly systemShare: number;
  /** The time in which the main thread ran, or waited for a CPU. */
  readonly busyMicroseconds: number;
}

export interface ProfileResult extends StageTimes, CpuSpent {
  readonly of: PagesCase;
  readonly requests: number;
  /** The profile, which Chrome's developer tools show as well. */
  readonly file: string;
}

/** What the other threads of the process do, by their names. */
const THREADS: Readonly<Record<string, string>> = {
  V8Worker: 'threads of V8: compiler, collector',
  'libuv-worker': 'threads of libuv: gzip, files',
};
const PROFILER = 'v8:ProfEvntProc';
const SHOWN_FILES = 20;
const SHOWN_FUNCTIONS = 30;
/** Starting the profiler takes time, in which the readers already read. */
const SETTLE_MS = 500;

export async function profilePages(of: PagesCase, pace: ProfilePace): Promise<ProfileResult> {
  await using scene = await openScene(of);
  const file = path.join(tmpdir(), `promgate-${of.name}-${process.pid}.cpuprofile`);
  const promgate = await scene.startPromgate(of, {
    nodeArgs: ['--import', new URL('profiler.ts', import.meta.url).href],
    environment: { PROFILE_FILE: file },
  });
  const { child } = promgate;
  await scene.warmUp(promgate, pace.warmUpMs);
  process.kill(child.pid, 'SIGUSR2');
  await scene.turn(promgate, SETTLE_MS);
  const from = monotonicMicroseconds();
  const before = threadTimes(child.pid);
  const { requests } = await scene.turn(promgate, pace.forMs);
  const after = threadTimes(child.pid);
  const until = monotonicMicroseconds();
  process.kill(child.pid, 'SIGUSR2');
  const profile = JSON.parse(await textOf(file)) as CpuProfile;
  return {
    ...{ of, requests, file },
    ...spent(before, after),
    ...stageTimes(profile, { from, until }, ROOT.href),
  };
}

function spent(before: ThreadTimes, after: ThreadTimes): CpuSpent {
  const mainSeconds = after.mainSeconds - before.mainSeconds;
  const waitedSeconds = after.mainWaitedSeconds - before.mainWaitedSeconds;
  const others = [...after.others]
    .map(([name, seconds]) => [name, seconds - (before.others.get(name) ?? 0)] as const)
    .filter(([name, seconds]) => name !== PROFILER && seconds > 0);
  return {
    mainSeconds,
    others: new Map(others),
    systemShare: (after.mainSystemSeconds - before.mainSystemSeconds) / mainSeconds,
    busyMicroseconds: (mainSeconds + waitedSeconds) * 1_000_000,
  };
}

function monotonicMicroseconds(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

async function textOf(file: string): Promise<string> {
  for (const deadlineMs = performance.now() + 60_000; performance.now() < deadlineMs; ) {
    await delay(50);
    if (await exists(file)) return readFile(file, 'utf8');
  }
  throw new Error(`promgate wrote no profile to ${file}`);
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    return false;
  }
}

/**
 * The shares are of the CPU time of the whole process. V8 takes native code that the event loop
 * runs, such as reads of sockets, for waiting: it is what the kernel counts beyond the profile.
 */
export function profileTable(result: ProfileResult): string {
  const { of, requests, mainSeconds, others, stages, functions, microseconds } = result;
  const seconds = [...others.values()].reduce((sum, one) => sum + one, mainSeconds);
  const row = (name: string, share: number): string[] => [
    ...[name, percent(share), milliseconds((share * seconds * 1_000) / requests)],
  ];
  const busy = Math.max(result.busyMicroseconds, microseconds);
  const shareOf = (part: number): number => ((part / busy) * mainSeconds) / seconds;
  const hidden = (stage: Stage): number => (stage === EVENT_LOOP ? busy - microseconds : 0);
  const ofStages = STAGES.map((stage) =>
    row(stage, shareOf((stages.get(stage) ?? 0) + hidden(stage))),
  );
  const ofThreads = [...others]
    .filter(([, own]) => own > seconds / 1_000)
    .map(([name, own]) => row(THREADS[name] ?? `threads named ${name}`, own / seconds));
  const ofFiles = [...result.files]
    .sort(([, left], [, right]) => right - left)
    .slice(0, SHOWN_FILES)
    .map(([file, own]) => row(file, shareOf(own)));
  const ofFunctions = functions
    .slice(0, SHOWN_FUNCTIONS)
    .map((one) => [`${one.name} ${one.place}`, percent(shareOf(one.microseconds)), one.stage]);
  return [
    table([[of.name, 'share', 'per request'], ...ofStages, ...ofThreads, row('all', 1)]),
    `${percent(result.systemShare)} of the main thread's time is the kernel's.`,
    '',
    table([['file, with what it calls in Node', 'share', 'per request'], ...ofFiles]),
    '',
    table([['function', 'share', 'stage'], ...ofFunctions]),
    '',
    `${result.file} has the whole profile of ${requests} requests.`,
    '',
  ].join('\n');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
