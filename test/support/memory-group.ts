/**
 * A control group with a bound on memory, as a container has: beyond it the kernel kills.
 */
import { constants } from 'node:fs';
import { access, mkdir, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { eventually } from './eventually.ts';

export interface MemoryGroup extends AsyncDisposable {
  /** The file that takes the process ids of its members. */
  readonly processes: string;
}

const FIRST_VERSION = '/sys/fs/cgroup/memory';
const SECOND_VERSION = '/sys/fs/cgroup';

/** @returns undefined where the test may make none, as without root's rights */
export async function makeMemoryGroup(limitBytes: number): Promise<MemoryGroup | undefined> {
  const name = `promgate-test-${process.pid}-${Date.now()}`;
  const hasFirst = await isWritable(path.join(FIRST_VERSION, 'memory.limit_in_bytes'));
  const folder = path.join(hasFirst ? FIRST_VERSION : SECOND_VERSION, name);
  const limit = hasFirst ? 'memory.limit_in_bytes' : 'memory.max';
  try {
    await mkdir(folder);
  } catch {
    return undefined; // the rights are missing, or there are no control groups
  }
  try {
    await access(path.join(folder, limit), constants.W_OK);
    await writeFile(path.join(folder, limit), `${limitBytes}`);
  } catch {
    await rmdir(folder);
    return undefined; // the group above does not hand on the bound of memory
  }
  return {
    processes: path.join(folder, 'cgroup.procs'),
    // Its members end a moment before the kernel has taken them out.
    [Symbol.asyncDispose]: () =>
      eventually('the control group to be empty', async () => {
        await rmdir(folder);
        return true;
      }).then(() => undefined),
  };
}

async function isWritable(file: string): Promise<boolean> {
  return access(file, constants.W_OK).then(
    () => true,
    () => false,
  );
}
