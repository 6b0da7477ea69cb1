/** Renders BOSH jobs by the system's ruby, as a director does. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { requireProgram, type Skippable } from './require-program.ts';

export const BOSH = fileURLToPath(new URL('../../bosh/', import.meta.url));

interface BoshLink {
  readonly instances: readonly Readonly<Record<string, unknown>>[];
  readonly properties?: unknown;
}

export interface JobInput {
  readonly job: string;
  /** Nested as in a manifest. */
  readonly properties?: unknown;
  readonly links?: Readonly<Record<string, BoshLink>>;
  readonly persistentDisk?: number;
}

interface Rendered {
  /** Texts by destination, `monit` among them. */
  readonly files: Readonly<Record<string, string>>;
  /** Names of properties that a template has asked for. */
  readonly used: readonly string[];
  readonly declared: readonly string[];
  /** A director's message. */
  readonly error: string | null;
}

export function renderJob(
  context: Skippable,
  { job, properties = {}, links = {}, persistentDisk = 0 }: JobInput,
): Rendered {
  const ruby = requireProgram(context, 'ruby');
  const spec = { index: 0, id: 'instance-guid', persistent_disk: persistentDisk };
  const input = JSON.stringify({ job: `${BOSH}jobs/${job}`, properties, links, spec });
  const script = fileURLToPath(new URL('erb.rb', import.meta.url));
  const { stdout, stderr } = spawnSync(ruby, [script], { input, encoding: 'utf8' });
  if (stdout === '') throw new Error(`ruby printed nothing: ${stderr}`);
  return JSON.parse(stdout);
}
