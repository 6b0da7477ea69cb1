/**
 * Server programs that tests run against and that a laptop may lack.
 *
 * `.ci/run` installs them and sets PROMGATE_REQUIRE_SERVICES=1: there a missing one is a failure.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import path from 'node:path';

/** PostgreSQL's commands for users are wrappers; its server is not on the PATH. */
const DEBIAN_FOLDERS = ['/usr/sbin', '/usr/bin', '/usr/lib/postgresql/15/bin'];

/** A test, or whatever else can do without. */
export type Skippable = Pick<Mocha.Context, 'skip'>;

/**
 * Finds `name` on the PATH or where Debian keeps servers.
 *
 * @param context - `this` of the test or hook that needs it: skipped when the program is missing
 * @returns the program's path
 * @throws {Error} when it is missing and PROMGATE_REQUIRE_SERVICES is 1
 */
export function requireProgram(context: Skippable, name: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), ...DEBIAN_FOLDERS];
  const found = folders.map((folder) => path.join(folder, name)).find(isExecutable);
  if (found !== undefined) return found;
  if (process.env['PROMGATE_REQUIRE_SERVICES'] === '1') throw new Error(`${name} is not installed`);
  return context.skip();
}

/** The same for a file that no folder of programs has, such as a library that a server loads. */
export function requireFile(context: Mocha.Context, file: string): string {
  if (existsSync(file)) return file;
  if (process.env['PROMGATE_REQUIRE_SERVICES'] === '1') throw new Error(`${file} is not installed`);
  return context.skip();
}

/** The same for the right to make containers and networks of one's own. */
export function requireRoot(context: Skippable): void {
  if (process.getuid?.() === 0) return;
  if (process.env['PROMGATE_REQUIRE_SERVICES'] === '1')
    throw new Error('the tests do not run as root');
  context.skip();
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // the absence is the answer
  }
}
