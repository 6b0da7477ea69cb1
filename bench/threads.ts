/** Reads the CPU time of processes and threads from the kernel. Linux only: reads `/proc`. */
import { readdirSync, readFileSync } from 'node:fs';

/** `sysconf(_SC_CLK_TCK)`: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface CpuTimes {
  /** User and system time; the kernel counts in steps of 10 ms. */
  readonly seconds: number;
  readonly systemSeconds: number;
}

/** @param folder - `/proc/1` for the process with all threads, `/proc/1/task/2` for a thread */
export function cpuTimes(folder: string): CpuTimes {
  const stat = readFileSync(`${folder}/stat`, 'utf8');
  // The name of the process, in parentheses, may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [Number(fields[11]), Number(fields[12])]; // utime, stime
  return { seconds: (user + system) / TICKS_PER_SECOND, systemSeconds: system / TICKS_PER_SECOND };
}

/** What the threads of a process have done since they started. */
export interface ThreadTimes {
  readonly mainSeconds: number;
  readonly mainSystemSeconds: number;
  /** The time in which the main thread could have run, but had no CPU. */
  readonly mainWaitedSeconds: number;
  /** The time of the other threads, by their names, which several may share. */
  readonly others: ReadonlyMap<string, number>;
}

export function threadTimes(pid: number): ThreadTimes {
  const folder = `/proc/${pid}/task`;
  const others = new Map<string, number>();
  for (const id of readdirSync(folder)) {
    if (Number(id) === pid) continue;
    const name = readFileSync(`${folder}/${id}/comm`, 'utf8').trim();
    others.set(name, (others.get(name) ?? 0) + schedule(`${folder}/${id}`).ranSeconds);
  }
  const { ranSeconds, waitedSeconds } = schedule(`${folder}/${pid}`);
  return {
    mainSeconds: ranSeconds,
    mainSystemSeconds: cpuTimes(`${folder}/${pid}`).systemSeconds,
    mainWaitedSeconds: waitedSeconds,
    others,
  };
}

/** To the nanosecond. */
function schedule(folder: string): { readonly ranSeconds: number; readonly waitedSeconds: number } {
  const [ran, waited] = readFileSync(`${folder}/schedstat`, 'utf8').split(' ').map(Number);
  return { ranSeconds: (ran ?? 0) / 1e9, waitedSeconds: (waited ?? 0) / 1e9 };
}
