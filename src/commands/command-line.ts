/**
 * Reads the command line by the table of commands: options may stand before and behind the command.
 */
import { parseArgs } from 'node:util';
import type { Flag } from '../config/environment.ts';
import { COMMANDS, type Command } from './commands.ts';

export interface CommandLine {
  readonly command: string;
  /** The words behind the command. */
  readonly operands: readonly string[];
  readonly help: boolean;
  readonly version: boolean;
  /** The options that take a value, and switches, by name. */
  readonly options: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  /** `--set` and `--port`. */
  readonly flags: readonly Flag[];
}

/** @throws {TypeError} for unknown options, missing values and words that are too many */
export function readCommandLine(args: readonly string[]): CommandLine {
  const known = new Map(COMMANDS.flatMap(({ options }) => options).map((one) => [one.name, one]));
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...Object.fromEntries(
        [...known.values()].map(({ name, value, multiple = false }) => [
          name,
          { type: value === undefined ? 'boolean' : 'string', multiple } as const,
        ]),
      ),
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
    },
  });
  const [name = '', ...operands] = positionals;
  const command = COMMANDS.find((one) => one.name === name);
  const { help, version, set, port, ...options } = values as CommandLine['options']; // as described above
  if (command) refuseForeign(command, Object.keys({ ...options, ...pick({ set, port }) }));
  const takes = name === 'scrape' || name === 'completion' ? 1 : 0;
  const extra = operands.slice(takes);
  if (command && extra.length > 0) throw new TypeError(tooMany(name, extra));
  return {
    ...{ command: name, operands, options },
    ...{ help: help === true, version: version === true },
    flags: readFlags(set, port),
  };
}

function tooMany(name: string, extra: readonly string[]): string {
  const only = name === 'scrape' ? 'app' : name === 'completion' ? 'shell' : 'command';
  return `give one ${only} only: remove ${extra.join(' ')}`;
}

function pick(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function refuseForeign({ name, options }: Command, given: readonly string[]): void {
  const foreign = given.filter((one) => options.every((option) => option.name !== one));
  if (foreign.length === 0) return;
  throw new TypeError(`promgate ${name} takes no --${foreign.join(' and no --')}`);
}

function readFlags(set: unknown, port: unknown): Flag[] {
  const flags: Flag[] = (Array.isArray(set) ? set : []).map((text: string) => {
    const equals = text.indexOf('=');
    if (equals < 1) throw new TypeError(`--set takes KEY=VALUE, not ${JSON.stringify(text)}`);
    const key = text.slice(0, equals);
    return { key, text: text.slice(equals + 1), name: `--set ${key}` };
  });
  if (typeof port === 'string') flags.push({ key: 'listen.port', text: port, name: '--port' });
  return flags;
}
