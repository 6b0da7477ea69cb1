/** A command of promgate that runs to its end. */
import { runPromgate } from './program.ts';

export interface Ran {
  readonly code: number | null;
  /** Its standard output. */
  readonly output: string;
  readonly errors: string;
}

export async function runCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  await using program = runPromgate(args, { environment });
  const { code } = await program.exited;
  return { code, output: program.lines.join('\n'), errors: program.errors };
}

/** `--set` for each key; a value that is no text is written as JSON. */
export function settings(values: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(values).flatMap(([key, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return ['--set', `${key}=${text}`];
  });
}
