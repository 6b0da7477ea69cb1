/**
 * Which format a reader gets, and which formats an instance is asked for.
 *
 * @see https://prometheus.io/docs/instrumenting/content_negotiation/
 * @see RFC 9110, section 12.5.1 (Accept)
 */
import { ESCAPINGS, type Escaping } from './escape.ts';
import type { FormatName } from './grammar.ts';

/** What the reader understands, best first. */
export interface Negotiated {
  /** The reader prefers OpenMetrics to text. */
  readonly preferOpenMetrics: boolean;
  /** How names that are no legacy names are printed. */
  readonly escaping: Readonly<Record<FormatName, Escaping>>;
  /** The Content-Type of the answer. */
  readonly contentType: Readonly<Record<FormatName, string>>;
  /** The Accept for instances: OpenMetrics first if the reader accepts it, since it says more. */
  readonly accept: string;
}

interface MediaRange {
  readonly type: string;
  readonly params: ReadonlyMap<string, string>;
  /** 0 to 1000. */
  readonly quality: number;
  readonly place: number;
}

const TEXT_TYPE = 'text/plain';
const OPENMETRICS_TYPE = 'application/openmetrics-text';
const NAMES: Readonly<Record<FormatName, string>> = {
  text: TEXT_TYPE,
  openmetrics: OPENMETRICS_TYPE,
};
const VERSIONS: Readonly<Record<FormatName, readonly string[]>> = {
  text: ['0.0.4', '1.0.0'],
  openmetrics: ['0.0.1', '1.0.0'],
};
/** More ranges than any reader sends. */
const MAX_RANGES = 32;

/**
 * Reads a reader's Accept header.
 *
 * @param textOnly - the path promises text (`/v2`): OpenMetrics is neither asked for nor answered
 */
export function negotiate(
  accept: string | undefined,
  { textOnly }: { readonly textOnly: boolean },
): Negotiated {
  const ranges = parseAccept(accept ?? '*/*');
  const text = best(ranges, 'text');
  const openMetrics = textOnly ? undefined : best(ranges, 'openmetrics');
  const preferOpenMetrics =
    openMetrics !== undefined && (text === undefined || compare(openMetrics, text) < 0);
  const escaping = { text: escapingOf(text), openmetrics: escapingOf(openMetrics) };
  return {
    preferOpenMetrics,
    escaping,
    contentType: {
      text: contentType('text', text?.type === TEXT_TYPE ? text : undefined),
      openmetrics: contentType('openmetrics', openMetrics),
    },
    accept: acceptFor(openMetrics !== undefined, escaping[openMetrics ? 'openmetrics' : 'text']),
  };
}

function escapingOf(range: MediaRange | undefined): Escaping {
  const chosen = range?.params.get('escaping');
  return ESCAPINGS.find((scheme) => scheme === chosen) ?? 'underscores';
}

/** The type of an answer; an escaping that was asked for is said. */
function contentType(format: FormatName, range: MediaRange | undefined): string {
  const version = range?.params.get('version') ?? (format === 'text' ? '0.0.4' : '0.0.1');
  const escaping = escapingOf(range);
  const said = range?.params.get('escaping') === escaping ? `; escaping=${escaping}` : '';
  return `${NAMES[format]}; version=${version}; charset=utf-8${said}`;
}

function acceptFor(openMetrics: boolean, escaping: Escaping): string {
  const utf8 = escaping === 'allow-utf-8' ? ';escaping=allow-utf-8' : '';
  const text = `text/plain;version=0.0.4${openMetrics ? ';q=0.4' : ''},*/*;q=0.1`;
  const text1 = utf8 ? `text/plain;version=1.0.0${utf8}${openMetrics ? ';q=0.5' : ''},` : '';
  if (!openMetrics) return text1 + text;
  const versions = [`version=1.0.0${utf8};q=0.8`, 'version=0.0.1;q=0.7'];
  return `${versions.map((version) => `${OPENMETRICS_TYPE};${version}`).join(',')},${text1}${text}`;
}

/** Best first: higher quality, then the one named first. */
function compare(a: MediaRange, b: MediaRange): number {
  return b.quality - a.quality || a.place - b.place;
}

/** The best range for a format; a wildcard, which stands for text only, gives way to a name. */
function best(ranges: readonly MediaRange[], format: FormatName): MediaRange | undefined {
  const versions = VERSIONS[format];
  const named = ranges.filter(
    ({ type, params }) =>
      type === NAMES[format] && versions.includes(params.get('version') ?? versions[0]!),
  );
  const wild = ['text/*', '*/*'].map((name) => ranges.filter(({ type }) => type === name));
  const sets = format === 'text' ? [named, ...wild] : [named];
  const mostSpecific = sets.find(({ length }) => length > 0) ?? [];
  return mostSpecific.filter(({ quality }) => quality > 0).toSorted(compare)[0];
}

/** What commas or semicolons divide, quoted strings left whole. */
const ELEMENTS = /(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g;
const PARAMETERS = /(?:[^;"]|"(?:[^"\\]|\\.)*"?)+/g;

function parseAccept(accept: string): MediaRange[] {
  return (accept.match(ELEMENTS) ?? [])
    .slice(0, MAX_RANGES)
    .map((part, place) => {
      const texts = (part.match(PARAMETERS) ?? []).map((text) => text.trim().toLowerCase());
      const [type = '', ...params] = texts;
      const pairs = params.map((param): [string, string] => {
        const [key = '', value = ''] = param.split('=', 2);
        return [key.trim(), value.trim().replace(/^"(.*)"$/, '$1')];
      });
      const map = new Map(pairs);
      return { type, params: map, quality: qualityOf(map.get('q')), place };
    })
    .filter(({ type }) => type !== '');
}

function qualityOf(text: string | undefined): number {
  if (text === undefined) return 1000;
  return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(text) ? Math.round(Number(text) * 1000) : 0;
}

/**
 * The formats of a page by its own Content-Type, in the order in which they are to be tried. What is
 * neither is tried as text; a list of types, an `Accept` that came back, as text and OpenMetrics.
 *
 * @returns `announced` is false when the type is no exposition's
 */
export function formatsOf(contentType: string): {
  readonly formats: readonly FormatName[];
  readonly announced: boolean;
} {
  const listed = contentType.length > MAX_TYPE_LENGTH ? [] : contentType.match(ELEMENTS);
  const types = (listed ?? []).map((one) => one.split(';', 1)[0]!.trim().toLowerCase());
  const announced = types.some((type) => type === TEXT_TYPE || type === OPENMETRICS_TYPE);
  if (types.length > 1 && announced) return { formats: ['text', 'openmetrics'], announced };
  return { formats: types[0] === OPENMETRICS_TYPE ? ['openmetrics'] : ['text'], announced };
}

/** Longer than any Accept that an app sends back. */
const MAX_TYPE_LENGTH = 4096;
