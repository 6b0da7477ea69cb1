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
 * @param at - the offset of the value
 * @returns the offset after the line feed, or -1 when the back is malformed
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
 * Checks the back of a sample line of OpenMetrics: single spaces, a timestamp in seconds, and
 * perhaps an exemplar.
 *
 * @param at - the offset of the value
 * @param nameTo - the end of the sample's name: Prometheus accepts exemplars only on names that end
 *   in `_total` or `_bucket`
 * @returns the offset after the line feed, or -1 when the back is malformed
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

/** Whether the exemplar of the last OpenMetrics line has a label name or value beyond its bound. */
export function exemplarTooLong(): boolean {
  return exemplarLabels.tooLong;
}

const exemplarLabels = new SeriesScanner(OPENMETRICS, new LabelNames([]));

/** Checks an exemplar whose labels' opening brace is at `at`, to the end of the line. */
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
