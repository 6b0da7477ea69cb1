/**
 * The back of a sample line: value, timestamp, exemplar, line feed.
 */

import { OPENMETRICS } from './grammar.ts';
import { LabelNames } from './label-names.ts';
import { skipSeconds, skipTimestamp, skipValue } from './number.ts';
import { SeriesScanner } from './series.ts';

const TAB = 9;
const LINE_FEED = 10;
const SPACE = 32;
const HASH = 35;
const OPEN = 123;

/**
 * Checks the back of a sample line of text format 0.0.4.
 *
 * @param at - the first byte of the value
 * @returns the offset behind the line feed, or -1
 */
export function skipTextBack(bytes: Buffer, at: number): number {
  let p = skipValue(bytes, at);
  if (p < 0) return -1;
  if (bytes[p] === LINE_FEED) return p + 1;
  if (bytes[p] !== SPACE && bytes[p] !== TAB) return -1;
  while (bytes[p] === SPACE || bytes[p] === TAB) p++;
  if (bytes[p] === LINE_FEED) return p + 1;
  p = skipTimestamp(bytes, p);
  if (p < 0) return -1;
  while (bytes[p] === SPACE || bytes[p] === TAB) p++;
  return bytes[p] === LINE_FEED ? p + 1 : -1;
}

/**
 * The same for OpenMetrics: single blanks, seconds, and an exemplar may follow.
 *
 * @param nameTo - where the sample's name ends: Prometheus takes exemplars of `_total` and `_bucket`
 *   only
 */
export function skipOpenMetricsBack(bytes: Buffer, at: number, nameTo: number): number {
  exemplarLabels.tooLong = false;
  let p = skipValue(bytes, at);
  if (p < 0) return -1;
  if (bytes[p] === LINE_FEED) return p + 1;
  if (bytes[p] === SPACE && bytes[p + 1] !== HASH) {
    p = skipSeconds(bytes, p + 1);
    if (p < 0) return -1;
    if (bytes[p] === LINE_FEED) return p + 1;
  }
  if (bytes[p] !== SPACE || bytes[p + 1] !== HASH || bytes[p + 2] !== SPACE) return -1;
  return mayHaveExemplar(bytes, nameTo) ? skipExemplar(bytes, p + 3) : -1;
}

function mayHaveExemplar(bytes: Buffer, nameTo: number): boolean {
  const end = bytes.toString('latin1', Math.max(0, nameTo - 7), nameTo);
  return end.endsWith('_total') || end === '_bucket';
}

/** Of the line read last: its exemplar has a name or value that is longer than may be. */
export function exemplarTooLong(): boolean {
  return exemplarLabels.tooLong;
}

const exemplarLabels = new SeriesScanner(OPENMETRICS, new LabelNames([]));

/** @param at - the brace of the exemplar's labels */
function skipExemplar(bytes: Buffer, at: number): number {
  if (bytes[at] !== OPEN) return -1;
  let p = exemplarLabels.scanLabels(bytes, at + 1, true);
  if (p < 0 || bytes[p] !== SPACE || exemplarLabels.quoted) return -1;
  if (bytes.subarray(at, p).includes(0)) return -1;
  p = skipValue(bytes, p + 1);
  if (p < 0) return -1;
  if (bytes[p] === LINE_FEED) return p + 1;
  if (bytes[p] !== SPACE) return -1;
  p = skipSeconds(bytes, p + 1);
  return p > 0 && bytes[p] === LINE_FEED ? p + 1 : -1;
}
