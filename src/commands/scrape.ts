/**
 * `promgate scrape APP`: the merged page of an app on standard output, and a table of its instances
 * on standard error.
 */
import type { ConfigSources } from '../config/config.ts';
import type { AskedApp, PageAnswer } from './asked-app.ts';
import type { CommandLine } from './command-line.ts';
import type { Console } from './console.ts';
import { InstanceTable, printTable } from './instance-table.ts';
import { openRemotePage } from './remote-page.ts';
import { readTimeoutMs } from './timeout.ts';

export interface ScrapeOptions {
  readonly line: CommandLine;
  readonly sources: ConfigSources;
  readonly console: Console;
}

const CODES = { unavailable: 1, wrong: 2, down: 4, unknown: 5 } as const;
const DONE = 0;
const SOME_DOWN = 3;
const ALL_DOWN = 4;
const ACCEPT: Readonly<Record<string, string>> = {
  text: 'text/plain;version=0.0.4',
  openmetrics: 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5',
};

/** @returns the exit code */
export async function scrape({ line, sources, console }: ScrapeOptions): Promise<number> {
  const asked = readAsked(line);
  if ('says' in asked) {
    console.err(`${asked.says}\n\nsee promgate scrape --help\n`);
    return CODES.wrong;
  }
  await using parts = new AsyncDisposableStack();
  const url = line.options['url'];
  const answer =
    typeof url === 'string'
      ? await openRemotePage(asked, { url, token: sources.environment?.['PROMGATE_TOKEN'] })
      : await scrapeHere(asked, { sources, console }, parts);
  if (answer.kind !== 'page') {
    console.err(`${answer.says}\n`);
    return CODES[answer.kind];
  }
  return await printPage(answer.pieces, console); // before the page is freed
}

async function printPage(
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  console: Console,
): Promise<number> {
  const table = new InstanceTable();
  let cut: unknown;
  try {
    // The table needs the end of the page, though the reader may have left.
    for await (const piece of pieces) {
      table.add(piece);
      await console.out(piece);
    }
  } catch (error) {
    cut = error;
  }
  const { rows } = table;
  console.err(printTable(rows));
  if (cut !== undefined) {
    console.err(`the page is cut off: ${messageOf(cut)}\n`);
    return CODES.unavailable;
  }
  const down = rows.filter(({ isUp }) => !isUp).length;
  if (down === 0) return DONE;
  return down === rows.length ? ALL_DOWN : SOME_DOWN;
}

type Wrong = Extract<PageAnswer, { readonly says: string }>;

function readAsked({ operands, options }: CommandLine): AskedApp | Wrong {
  const wrong = (says: string): Wrong => ({ kind: 'wrong', says });
  const [app = ''] = operands;
  const { format = 'text', timeout, url, config, path, instance, process } = options;
  if (app === '') return wrong('an app is missing: ORG/SPACE/NAME, a guid or a route');
  const accept = Object.hasOwn(ACCEPT, String(format)) ? ACCEPT[String(format)] : undefined;
  if (accept === undefined) return wrong(`--format takes text or openmetrics, not ${format}`);
  const timeoutMs = timeout === undefined ? undefined : readTimeoutMs(timeout);
  if (timeout !== undefined && timeoutMs === undefined) {
    return wrong(`--timeout takes a time such as 10s, from 100ms up to 1h, not ${timeout}`);
  }
  if (url !== undefined && config !== undefined) return wrong('give --url or --config, not both');
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  return {
    ...{ app, accept, timeoutMs },
    ...{ path: text(path), instance: text(instance), process: text(process) },
  };
}

async function scrapeHere(
  asked: AskedApp,
  { sources, console }: Pick<ScrapeOptions, 'sources' | 'console'>,
  parts: AsyncDisposableStack,
): Promise<PageAnswer> {
  const { ConfigError, readConfig } = await import('../config/config.ts');
  try {
    const config = await readConfig(sources);
    const waitMs = config.routes.nats?.registerIntervalMs;
    if (waitMs !== undefined) console.err(`waiting ${waitMs / 1000} s for the routes on NATS\n`);
    const { openOwnPage } = await import('./own-page.ts');
    const platformAuthorities = sources.environment?.['CF_SYSTEM_CERT_PATH'];
    return await openOwnPage(config, { asked, platformAuthorities }, parts);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { kind: 'wrong', says: error.faults.join('\n') };
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
