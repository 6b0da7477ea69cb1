/**
 * Content negotiation: the format that promgate answers in, and the formats that it asks
 * instances for.
 *
 * @see https://prometheus.io/docs/instrumenting/content_negotiation/
 * @see RFC 9110, section 12.5.1 (Accept)
 */
import { ESCAPINGS, type Escaping } from './escape.ts';
import type { FormatName } from './grammar.ts';

/** What follows from a reader's Accept header. */
export interface Negotiated {
  /** The reader prefers OpenMetrics to text. */
  readonly preferOpenMetrics: boolean;
  /** The escaping scheme for UTF-8 names, in an answer of each format. */
  readonly escaping: Readonly<Record<FormatName, Escaping>>;
  /** The Content-Type of an answer in each format. */
  readonly contentType: Readonly<Record<FormatName, string>>;
  /** The Accept for instances: prefers OpenMetrics, which says more, if the reader accepts it. */
  readonly accept: string;
}

interface MediaRange {
  readonly type: string;
  readonly params: ReadonlyMap<string, string>;
  /** The `q` parameter in thousandths, 0 to 1000. */
  readonly quality: number;
  /** The place in the header, from 0. */
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
/** Bound on the media ranges that are read; readers send fewer. */
const MAX_RANGES = 32;

/**
 * Interprets a reader's Accept header; without a header the reader accepts everything.
 *
 * @param textOnly - true for paths that promise text (`/v2`): promgate neither asks instances for
 *   OpenMetrics nor answers in it
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

const PROTOBUF_TYPE = 'application/vnd.google.protobuf';
const PROTOBUF = `${PROTOBUF_TYPE}; proto=io.prometheus.client.MetricFamily; encoding=delimited`;

/** The format of a page that promgate makes itself. */
export interface NegotiatedPage {
  readonly format: FormatName | 'protobuf';
  readonly escaping: Escaping;
  readonly contentType: string;
}

/** Interprets the Accept header of a reader that may also get protobuf. */
export function negotiatePage(accept: string | undefined): NegotiatedPage {
  const ranges = parseAccept(accept ?? '*/*');
  const protobuf = ranges.filter(isProtobuf).toSorted(compare)[0];
  const [openmetrics, text] = [best(ranges, 'openmetrics'), best(ranges, 'text')];
  const [first] = [protobuf, openmetrics, text]
    .filter((range) => range !== undefined)
    .sort(compare);
  const escaping = escapingOf(first);
  if (first !== undefined && first === protobuf) {
    return { format: 'protobuf', escaping, contentType: PROTOBUF + saidEscaping(first) };
  }
  const format = first !== undefined && first === openmetrics ? 'openmetrics' : 'text';
  const named = first?.type === NAMES[format] ? first : undefined;
  return { format, escaping, contentType: contentType(format, named) };
}

function isProtobuf({ type, params, quality }: MediaRange): boolean {
  return (
    type === PROTOBUF_TYPE &&
    params.get('proto') === 'io.prometheus.client.metricfamily' &&
    params.get('encoding') === 'delimited' &&
    quality > 0
  );
}

/** Whether a reader names JSON, however many other types it prefers. */
export function acceptsJson(accept: string | undefined): boolean {
  const ranges = parseAccept(accept ?? '');
  return ranges.some(({ type, quality }) => type === 'application/json' && quality > 0);
}

function escapingOf(range: MediaRange | undefined): Escaping {
  const chosen = range?.params.get('escaping');
  return ESCAPINGS.find((scheme) => scheme === chosen) ?? 'underscores';
}

/** The Content-Type of an answer. It names the escaping scheme if the reader asked for it. */
function contentType(format: FormatName, range: MediaRange | undefined): string {
  const version = range?.params.get('version') ?? (format === 'text' ? '0.0.4' : '0.0.1');
  return `${NAMES[format]}; version=${version}; charset=utf-8${saidEscaping(range)}`;
}

function saidEscaping(range: MediaRange | undefined): string {
  const escaping = escapingOf(range);
  return range?.params.get('escaping') === escaping ? `; escaping=${escaping}` : '';
}

function acceptFor(openMetrics: boolean, escaping: Escaping): string {
  const utf8 = escaping === 'allow-utf-8' ? ';escaping=allow-utf-8' : '';
  const text = `text/plain;version=0.0.4${openMetrics ? ';q=0.4' : ''},*/*;q=0.1`;
  const text1 = utf8 ? `text/plain;version=1.0.0${utf8}${openMetrics ? ';q=0.5' : ''},` : '';
  if (!openMetrics) return text1 + text;
  const versions = [`version=1.0.0${utf8};q=0.8`, 'version=0.0.1;q=0.7'];
  return `${versions.map((version) => `${OPENMETRICS_TYPE};${version}`).join(',')},${text1}${text}`;
}

/** Orders ranges: higher quality first, then the earlier place. */
function compare(a: MediaRange, b: MediaRange): number {
  return b.quality - a.quality || a.place - b.place;
}

/** The best range for a format. Wildcards stand for text only, and only if no range names text. */
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

/** Parts between commas, or between semicolons; quoted strings stay whole. */
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
 * The formats to try for a page with this Content-Type, in order. An unknown type means text. Some
 * apps send the `Accept` header back as the type: such a list means text, then OpenMetrics.
 *
 * @returns `announced` is false when the Content-Type names no exposition format
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

/** Characters; a Content-Type that is longer counts as unknown. */
const MAX_TYPE_LENGTH = 4096;
