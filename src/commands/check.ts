/**
 * `promgate check`: prints the effective configuration; with `--live` it tries what that names.
 */
import { ConfigError, type ConfigSources, describeConfig, readConfig } from '../config/config.ts';
import { describePromxy, type FileDescription } from './check-promxy.ts';
import type { CommandLine } from './command-line.ts';
import type { Console } from './console.ts';
import { readTimeoutMs } from './timeout.ts';

export interface CheckOptions {
  readonly line: CommandLine;
  readonly sources: ConfigSources;
  readonly console: Console;
}

const DONE = 0;
const WRONG = 2;
const UNANSWERED = 3;
const TIMEOUT = '10s';

/** @returns the exit code */
export async function check({ line, sources, console }: CheckOptions): Promise<number> {
  const { live, app, timeout } = line.options;
  if (live !== true && (app !== undefined || timeout !== undefined)) {
    console.err('--app and --timeout go with --live\n');
    return WRONG;
  }
  try {
    const promxy =
      sources.file === undefined ? undefined : await describePromxy(sources.file, sources);
    if (promxy) return await checkPromxy(promxy, console);
    if (live === true) return await checkLive({ line, sources, console });
    const { yaml, warnings } = await describeConfig(sources);
    for (const warning of warnings) console.err(`warning: ${warning}\n`);
    await console.out(yaml);
    return DONE;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.err(`${error.faults.join('\n')}\n`);
    return WRONG;
  }
}

async function checkPromxy({ text, faults }: FileDescription, console: Console): Promise<number> {
  await console.out(text);
  if (faults.length === 0) return DONE;
  console.err(`${faults.join('\n')}\n`);
  return WRONG;
}

const SIGNS = { ok: 'ok     ', warn: 'warn   ', failed: 'failed ' } as const;

async function checkLive({ line, sources, console }: CheckOptions): Promise<number> {
  const timeoutMs = readTimeoutMs(line.options['timeout'] ?? TIMEOUT);
  if (timeoutMs === undefined) {
    const given = JSON.stringify(line.options['timeout']);
    console.err(`--timeout takes a time such as 10s, from 100ms up to 1h, not ${given}\n`);
    return WRONG;
  }
  const config = await readConfig(sources);
  const { warnings } = await describeConfig(sources);
  for (const warning of warnings) console.err(`warning: ${warning}\n`);
  const platformAuthorities = sources.environment?.['CF_SYSTEM_CERT_PATH'];
  const { liveTries } = await import('../assemble/live/tries.ts');
  const { attemptTry, secretsOf, withoutSecretsOf } = await import('../assemble/live/try.ts');
  const tries = await liveTries(config, { platformAuthorities, nowMs: Date.now() });
  const apps = line.options['app'];
  if (Array.isArray(apps)) {
    const { appTry } = await import('../assemble/live/app.ts');
    const { wordsOf } = await import('./instance-table.ts');
    const options = { wordsOf, timeoutMs, platformAuthorities };
    tries.push(...apps.map((app: string) => appTry(config, app, options)));
  }
  if (tries.length === 0) await console.out('the configuration names nothing to try\n');
  const secrets = secretsOf(config);
  const running = tries.map((one) => attemptTry(one, timeoutMs));
  let failures = 0;
  for (const [at, { name }] of tries.entries()) {
    const { state, said, advice } = await running[at]!; // as many as tries
    if (state === 'failed') failures += 1;
    const safe = (text: string): string => withoutSecretsOf(text, secrets);
    const todo = advice === undefined ? '' : `        what to do: ${safe(advice)}\n`;
    await console.out(`${SIGNS[state]} ${safe(name)}: ${safe(said)}\n${todo}`);
  }
  if (failures === 0) return DONE;
  console.err(`${failures} of ${tries.length} tries failed\n`);
  return UNANSWERED;
}
