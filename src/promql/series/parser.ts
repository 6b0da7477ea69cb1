/**
 * The parser of the notation of series, as Prometheus' unit tests for rules write them.
 *
 * `1+2x3` stands for 1 3 5 7, `_x2` for two samples that are missing, `stale` for the end of the series, and
 * `{{schema:0 count:3 sum:4 buckets:[1 2]}}` for a native histogram. Faults have the words and places of Prometheus 3.14.
 *
 * @see https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/#series
 */
import type { Histogram } from '../evaluate/histogram.ts';
import { combine } from '../evaluate/histogram-arithmetic.ts';
import { unquote } from '../lex/string.ts';
import { isMetricName, type TokenKind } from '../lex/token.ts';
import { quoteText } from '../literal/quote.ts';
import { parseHistogram } from './histogram.ts';
import { parseCount, parseValue } from './number.ts';
import { SeriesTokens } from './tokens.ts';

/** One value of a series; undefined where the sample is missing. */
export type SeriesValue = number | Histogram | 'stale' | undefined;

/** A series and its values, one for each step. */
export interface SeriesDescription {
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly values: readonly SeriesValue[];
}

/** A line of a few bytes may stand for so many values, not for more. */
const MAX_VALUES = 1_000_000;
const LABELS = 'label set';
const VALUES = 'series values';

/**
 * Reads a series.
 *
 * @throws {ParseError} at the first fault
 */
export function parseSeries(text: string): SeriesDescription {
  const tokens = new SeriesTokens(text);
  const labels = parseLabels(tokens);
  const values: SeriesValue[] = [];
  while (tokens.peek().kind !== 'eof') {
    tokens.expect('space', VALUES);
    if (tokens.peek().kind !== 'eof') parseItem(tokens, values);
  }
  return { labels, values };
}

function parseLabels(tokens: SeriesTokens): (readonly [string, string])[] {
  const labels: (readonly [string, string])[] = [];
  if (isMetricName(tokens.peek().kind as TokenKind)) labels.push(['__name__', tokens.take().text]);
  if (tokens.takeIf('{') === undefined) return labels;
  while (tokens.takeIf('}') === undefined) {
    labels.push(parseLabel(tokens));
    if (tokens.takeIf('}') !== undefined) break;
    tokens.expect(',', `${LABELS}, expected "," or "}"`);
  }
  return labels;
}

function parseLabel(tokens: SeriesTokens): readonly [string, string] {
  const { kind } = tokens.peek();
  if (kind !== 'identifier' && kind !== 'string') {
    tokens.unexpected(`${LABELS}, expected identifier or "}"`);
  }
  const token = tokens.take();
  const name = kind === 'string' ? unquote(token.text) : token.text;
  const next = tokens.peek().kind;
  if (kind === 'string' && (next === ',' || next === '}')) return ['__name__', name];
  tokens.expect('=', `${LABELS}, expected "="`);
  return [name, unquote(tokens.expect('string', `${LABELS}, expected string`).text)];
}

function parseItem(tokens: SeriesTokens, values: SeriesValue[]): void {
  if (tokens.takeIf('_') !== undefined) {
    // Only missing samples are counted from one: `1x2` are three values.
    const times = tokens.takeIf('x') === undefined ? 1 : parseTimes(tokens, values.length);
    for (let at = 0; at < times; at++) values.push(undefined);
  } else if (tokens.peek().kind === '{{') parseHistograms(tokens, values);
  else parseNumbers(tokens, values);
}

function parseNumbers(tokens: SeriesTokens, values: SeriesValue[]): void {
  const word = tokens.takeIf('identifier');
  if (word !== undefined && word.text !== 'stale') {
    const shown = quoteText(word.text);
    tokens.fail(word, `unexpected identifier ${shown} in ${VALUES}, expected number or "stale"`);
  }
  let value: number | 'stale' = word === undefined ? parseSigned(tokens) : 'stale';
  const { kind } = tokens.peek();
  const step = kind === '+' || kind === '-' ? parseSigned(tokens) : 0;
  const isRepeated = tokens.peek().kind === 'x';
  if (kind === '+' || kind === '-') tokens.expect('x', VALUES);
  else if (isRepeated) tokens.take();
  const times = isRepeated ? parseTimes(tokens, values.length) : 0;
  for (let at = 0; at <= times; at++) {
    values.push(value);
    if (value !== 'stale') value += step;
  }
}

/** A number with a sign or without; a duration stands for its seconds. */
function parseSigned(tokens: SeriesTokens): number {
  const sign = tokens.takeIf('-') === undefined ? 1 : -1;
  if (sign === 1) tokens.takeIf('+');
  return sign * parseValue(tokens, VALUES);
}

/** How often a value is repeated. */
function parseTimes(tokens: SeriesTokens, before: number): number {
  const token = tokens.peek();
  const times = parseCount(tokens, VALUES);
  if (before + times < MAX_VALUES) return times;
  return tokens.fail(token, `series has more than ${MAX_VALUES} values`);
}

function parseHistograms(tokens: SeriesTokens, values: SeriesValue[]): void {
  let current = parseHistogram(tokens);
  const { kind } = tokens.peek();
  const sign = kind === '+' ? 1 : kind === '-' ? -1 : 0;
  let step: Histogram | undefined;
  if (sign !== 0) {
    tokens.take();
    step = tokens.peek().kind === '{{' ? parseHistogram(tokens) : tokens.unexpected(VALUES);
    if (tokens.peek().kind !== 'x') tokens.unexpected(VALUES);
  }
  if (tokens.takeIf('x') === undefined) {
    values.push(current);
    return;
  }
  const last = tokens.peek();
  const times = parseTimes(tokens, values.length);
  for (let at = 0; at < times; at++) {
    values.push(current);
    if (step === undefined || sign === 0) continue;
    const sum = current.schema > step.schema ? undefined : combine(current, step, sign);
    if (sum === undefined) {
      const schemas = `from schema ${step.schema} to ${current.schema}`;
      tokens.fail(last, `error combining histograms: cannot merge ${schemas}`);
    } else
      current = {
        ...sum.histogram,
        hint: current.hint === 'unknown' ? sum.histogram.hint : current.hint,
      };
  }
  values.push(current);
}
