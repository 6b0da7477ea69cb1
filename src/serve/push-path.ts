/**
 * The paths of the push gateway: which of the three compatible interfaces a push means, and the labels
 * that the path holds.
 *
 * The path is decoded before it is split, as in Pushgateway: a value with a slash must be written in
 * base64. Refusals have the words of the two programs.
 */
import type { Label } from '../push/labels.ts';
import { sortLabels } from '../push/labels.ts';
import { PushRefusal } from '../push/refusal.ts';
import { decodeBase64, goQuote, unescapeName } from './push-names.ts';

/** `/metrics` is `page`; `/metrics/<name>` is `family`; `/metrics/job/…` is `group`; else `labels`. */
export interface PushPath {
  readonly kind: 'page' | 'family' | 'group' | 'labels';
  /** The decoded segments behind `/metrics`. */
  readonly segments: readonly string[];
}

const BASE64 = '@base64';
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
/** Labels that say what a sample is to its histogram or summary. */
const OF_SAMPLES = new Set(['le', 'quantile']);

/**
 * @param rest - what follows `/metrics` in the path as sent
 * @throws {PushRefusal} `bad_path`
 */
export function readPushPath(rest: string): PushPath {
  const text = decode(rest);
  if (text === '' || text === '/') return { kind: 'page', segments: [] };
  const segments = text.slice(1).split('/');
  if (segments.length === 1) return { kind: 'family', segments };
  const isGroup = segments[0] === 'job' || segments[0] === `job${BASE64}`;
  return { kind: isGroup ? 'group' : 'labels', segments };
}

function decode(path: string): string {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw new PushRefusal('bad_path', 'the path is not percent-encoded UTF-8', { cause });
  }
}

export interface NameOptions {
  /** `push.utf8_names` */
  readonly utf8Names: boolean;
}

/**
 * The grouping key of a path of Pushgateway, with `job`.
 *
 * @throws {PushRefusal} `bad_path`, in Pushgateway's words
 */
export function groupingKey({ segments }: PushPath, options: NameOptions): Label[] {
  const [mark, first = '', ...rest] = segments;
  const job = mark === 'job' ? first : decodeJob(first);
  const labels = new Map<string, string>();
  const pairs = rest.length === 1 && rest[0] === '' ? [] : rest;
  if (pairs.length % 2 !== 0) {
    const text = goQuote(`/${pairs.join('/')}`);
    throw refuse(`odd number of components in label string ${text}`);
  }
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const [name, value] = readPair(pairs[i]!, pairs[i + 1]!, options); // bounded above
    labels.set(name, value);
  }
  if (job === '') throw refuse('job name is required');
  labels.set('job', job);
  return sortLabels([...labels]);
}

/**
 * The labels of a path of prom-aggregation-gateway.
 *
 * @throws {PushRefusal} `bad_path`, in the words of prom-aggregation-gateway
 */
export function pathLabels({ segments }: PushPath, options: NameOptions): Label[] {
  if (segments.length % 2 !== 0) throw refuse('labels must be defined in pairs');
  const labels = new Map<string, string>();
  for (let i = 0; i + 1 < segments.length; i += 2) {
    const [name, value] = readPair(segments[i]!, segments[i + 1]!, options); // bounded above
    if (labels.has(name)) throw duplicateLabel(name);
    labels.set(name, value);
  }
  return sortLabels([...labels]);
}

/** prom-aggregation-gateway's words for a label that is given twice. */
export function duplicateLabel(name: string): PushRefusal {
  return refuse(`duplicate label ${name}`);
}

function readPair(name: string, value: string, { utf8Names }: NameOptions): Label {
  const isEncoded = name.endsWith(BASE64);
  const written = isEncoded ? name.slice(0, -BASE64.length) : name;
  const unescaped = utf8Names ? unescapeName(written) : written;
  if (!isLabelName(unescaped, utf8Names)) throw refuse(`improper label name ${goQuote(written)}`);
  if (!isEncoded) return [unescaped, value];
  const { text, problem } = decodeBase64(value);
  if (problem !== undefined) {
    const label = `${written}=${goQuote(value)}`;
    throw refuse(`invalid base64 encoding for label ${label}: ${problem}`);
  }
  return [unescaped, text];
}

/** Whether a path or query may hold a label of this name. */
export function isLabelName(name: string, utf8Names: boolean): boolean {
  if (name === '' || name.startsWith('__') || OF_SAMPLES.has(name)) return false;
  return utf8Names ? name.isWellFormed() : LABEL_NAME.test(name);
}

function decodeJob(encoded: string): string {
  const { text, problem } = decodeBase64(encoded);
  if (problem === undefined) return text;
  throw refuse(`invalid base64 encoding in job name ${goQuote(text)}: ${problem}`);
}

function refuse(message: string): PushRefusal {
  return new PushRefusal('bad_path', message);
}
