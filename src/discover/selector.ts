/**
 * What a reader asks for: an app guid, `<org>/<space>/<app>` or a route, as URLs write them.
 *
 * Only the writing is understood here; `select.ts` looks it up. Paths and queries are read as they
 * came over the wire, since `%2F` within a name is no separator.
 */

/** Why a selector could not be read. */
export type SelectorFault = 'missing' | 'escape' | 'process';

const FAULT_TEXTS: Readonly<Record<SelectorFault, string>> = {
  missing: 'You must set app id or path',
  escape: 'a broken percent escape in',
  process: 'process must be "all" or a process type such as "web" or "worker", and not',
};

/** A request names no app, or in a way that cannot be read. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
  readonly fault: SelectorFault;

  constructor(fault: SelectorFault, value?: string, options?: ErrorOptions) {
    super(value === undefined ? FAULT_TEXTS[fault] : `${FAULT_TEXTS[fault]} "${value}"`, options);
    this.fault = fault;
  }
}

type AppName = readonly [organization: string, space: string, app: string];

/** One way to read what was asked for. */
export interface SelectorReading {
  /** All of it, decoded: a guid or a route. */
  readonly text: string;
  readonly name?: AppName;
}

export interface Selector {
  /** What was asked for, decoded: for messages. */
  readonly text: string;
  /** The ways to read it, the likeliest first. */
  readonly readings: readonly SelectorReading[];
  /** Which processes of an app are meant: a process type, or `all`; undefined: those it is bound with. */
  readonly process: string | undefined;
}

const PROCESS = /^[\w.-]{1,255}$/;
const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;

/**
 * Reads which app a request means; the path wins over `?app=`, and that over `?route_url=`.
 *
 * @param request.path - what stands between `/apps/` and `/metrics`, as it came over the wire
 * @param request.search - the query as it came over the wire, with or without its `?`
 * @throws {SelectorError} when nothing is named, an escape is broken, or `process` is no type
 */
export function parseSelector(request: {
  readonly path?: string;
  readonly search?: string;
}): Selector {
  const search = request.search ?? '';
  const process = decodeForm(rawParameter(search, 'process')) || undefined;
  if (process !== undefined && !PROCESS.test(process)) throw new SelectorError('process', process);
  const parts = askedParts(request.path ?? '', search);
  if (parts === undefined) throw new SelectorError('missing');
  const first = reading(parts);
  const second = decodedOnceMore(first.text);
  return { text: first.text, readings: second ? [first, second] : [first], process };
}

/** The first place that names anything, split at the separators written as such, then decoded. */
function askedParts(path: string, search: string): readonly string[] | undefined {
  const places = [
    () => path.split('/').map(decode),
    () => rawParameter(search, 'app').split('/').map(decodeForm),
    () => rawParameter(search, 'route_url').split('/').map(decodeForm),
  ];
  for (const place of places) {
    const parts = withoutScheme(withoutQuotes(place()));
    if (parts.some((part) => part !== '')) return parts;
  }
  return undefined;
}

/** Promfetcher's README writes `?app="<guid>"`. */
function withoutQuotes(parts: readonly string[]): readonly string[] {
  const text = parts.join('/');
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return parts;
  const opened = parts.with(0, parts[0]?.slice(1) ?? '');
  return opened.with(-1, opened.at(-1)?.slice(0, -1) ?? '');
}

function withoutScheme(parts: readonly string[]): readonly string[] {
  const text = parts.join('/');
  const scheme = SCHEME.exec(text);
  return scheme ? text.slice(scheme[0].length).split('/') : parts;
}

/** Names are three parts; written as one percent-encoded part they show as three in the text. */
function reading(parts: readonly string[]): SelectorReading {
  const text = parts.join('/');
  const [organization, space, app, ...more] = parts.length === 3 ? parts : text.split('/');
  const isName = organization && space && app && more.length === 0;
  return isName ? { text, name: [organization, space, app] } : { text };
}

/** Promfetcher decodes twice; so values that a client encoded twice are still understood. */
function decodedOnceMore(text: string): SelectorReading | undefined {
  if (!/%[0-9a-f]{2}/i.test(text)) return undefined;
  try {
    return reading([decodeURIComponent(text)]);
  } catch {
    return undefined; // the percent sign was meant as one
  }
}

/** The first value of a parameter, still encoded; '' when there is none. */
function rawParameter(search: string, name: string): string {
  for (const pair of search.replace(/^\?/, '').split('&')) {
    const equals = pair.indexOf('=');
    const key = equals < 0 ? pair : pair.slice(0, equals);
    if (key === name) return equals < 0 ? '' : pair.slice(equals + 1);
  }
  return '';
}

function decodeForm(raw: string): string {
  return decode(raw.replaceAll('+', ' '));
}

function decode(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch (cause) {
    throw new SelectorError('escape', raw, { cause });
  }
}
