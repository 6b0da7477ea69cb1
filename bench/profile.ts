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

export interface ProfilePace {
  readonly warmUpMs: number;
  /** How long promgate is read from while it is profiled. */
  readonly forMs: number;
}

export interface ProfileResult extends StageTimes {
  readonly of: PagesCase;
  readonly requests: number;
  /** CPU time of each request with all threads, and of the main thread alone. */
  readonly cpuMs: number;
  readonly mainCpuMs: number;
  /** The time in which the main thread ran, or waited for a CPU. */
  readonly busyMicroseconds: number;
  /** The share of the CPU time that the kernel took. */
  readonly systemShare: number;
  /** The profile, which Chrome's developer tools show as well. */
  readonly file: string;
}

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
  await scene.turn(promgate, pace.warmUpMs);
  process.kill(child.pid, 'SIGUSR2');
  await scene.turn(promgate, SETTLE_MS);
  const from = monotonicMicroseconds();
  const before = { all: child.cpuSeconds(), main: child.mainThread() };
  const { requests } = await scene.turn(promgate, pace.forMs);
  const after = { all: child.cpuSeconds(), main: child.mainThread() };
  const until = monotonicMicroseconds();
  process.kill(child.pid, 'SIGUSR2');
  const profile = JSON.parse(await textOf(file)) as CpuProfile;
  const mainSeconds = after.main.seconds - before.main.seconds;
  return {
    ...{ of, requests, file },
    cpuMs: ((after.all - before.all) * 1_000) / requests,
    mainCpuMs: (mainSeconds * 1_000) / requests,
    systemShare: (after.main.systemSeconds - before.main.systemSeconds) / mainSeconds,
    busyMicroseconds:
      (mainSeconds + after.main.waitedSeconds - before.main.waitedSeconds) * 1_000_000,
    ...stageTimes(profile, { from, until }, ROOT.href),
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
  const { of, cpuMs, mainCpuMs, stages, functions, systemShare, microseconds } = result;
  const mainShare = Math.min(1, mainCpuMs / cpuMs);
  const busy = Math.max(result.busyMicroseconds, microseconds);
  const shareOf = (part: number): number => (part / busy) * mainShare;
  const row = (name: string, share: number): string[] => [
    name,
    percent(share),
    milliseconds(share * cpuMs),
  ];
  const hidden = (stage: Stage): number => (stage === EVENT_LOOP ? busy - microseconds : 0);
  const ofStages = STAGES.map((stage) =>
    row(stage, shareOf((stages.get(stage) ?? 0) + hidden(stage))),
  );
  const ofFunctions = functions
    .slice(0, SHOWN_FUNCTIONS)
    .map((one) => [`${one.name} ${one.place}`, percent(shareOf(one.microseconds)), one.stage]);
  return [
    table([
      [of.name, 'share', 'per request'],
      ...ofStages,
      row('other threads: compiler, collector, zlib', 1 - mainShare),
      row('all', 1),
    ]),
    `${percent(systemShare)} of the main thread's time is the kernel's.`,
    '',
    table([['function', 'share', 'stage'], ...ofFunctions]),
    '',
    `${result.file} has the whole profile of ${result.requests} requests.`,
    '',
  ].join('\n');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
