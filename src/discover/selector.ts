/**
 * Parses a reader's selector from a URL: an app guid, `<org>/<space>/<app>` or a route.
 *
 * `select.ts` looks the selector up. The parser takes paths and queries undecoded, since `%2F`
 * within a name is no separator.
 */

/** Why a selector could not be read. */
export type SelectorFault = 'missing' | 'escape' | 'process';

const FAULT_TEXTS: Readonly<Record<SelectorFault, string>> = {
  missing: 'You must set app id or path',
  escape: 'a broken percent escape in',
  process: 'process must be "all" or a process type such as "web" or "worker", and not',
};

/** A request names no app, or its selector cannot be read. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
  readonly fault: SelectorFault;

  constructor(fault: SelectorFault, value?: string, options?: ErrorOptions) {
    super(value === undefined ? FAULT_TEXTS[fault] : `${FAULT_TEXTS[fault]} "${value}"`, options);
    this.fault = fault;
  }
}

type AppName = readonly [organization: string, space: string, app: string];

/** One way to read a selector. */
export interface SelectorReading {
  /** The whole selector, decoded: a guid or a route. */
  readonly text: string;
  readonly name?: AppName;
}

export interface Selector {
  /** The decoded selector, for messages. */
  readonly text: string;
  /** The ways to read the selector, the likeliest first. */
  readonly readings: readonly SelectorReading[];
  /** A process type, or `all`; undefined: the process type of the app's bindings. */
  readonly process: string | undefined;
}

const PROCESS = /^[\w.-]{1,255}$/;
const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;

/**
 * Reads which app a request means. The path wins over `?app=`, and `?app=` over `?route_url=`.
 *
 * @param request.path - the undecoded part between `/apps/` and `/metrics`
 * @param request.search - the undecoded query, with or without its `?`
 * @throws {SelectorError} when no app is named, an escape is broken, or `process` is no type
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

/** The selector from the first place that has one, split at each literal `/`, then decoded. */
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

/** Removes quotes, since Promfetcher's README writes `?app="<guid>"`. */
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

/** Names have three parts: split at each literal `/`, else split at each `/` after decoding. */
function reading(parts: readonly string[]): SelectorReading {
  const text = parts.join('/');
  const [organization, space, app, ...more] = parts.length === 3 ? parts : text.split('/');
  const isName = organization && space && app && more.length === 0;
  return isName ? { text, name: [organization, space, app] } : { text };
}

/** A second reading for clients that encode twice, since Promfetcher decodes twice. */
function decodedOnceMore(text: string): SelectorReading | undefined {
  if (!/%[0-9a-f]{2}/i.test(text)) return undefined;
  try {
    return reading([decodeURIComponent(text)]);
  } catch {
    return undefined; // the text holds a literal percent sign
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
