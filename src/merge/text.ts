/**
 * Converts OpenMetrics to text 0.0.4, for readers that do not accept OpenMetrics and for merges of
 * both formats.
 *
 * Families whose types text lacks become the families that a Prometheus server makes of them: a
 * counter `x` is the counter `x_total`, info and stateset are gauges, a gauge histogram is untyped,
 * `_created` is a gauge of its own. Text has no units and exemplars, so both are dropped.
 */
import type { Body } from '../exposition/body.ts';
import { type FamilyType, suffixesOf, wordOf } from '../exposition/grammar.ts';
import { LabelNames } from '../exposition/label-names.ts';
import { skipValue } from '../exposition/number.ts';
import { PageBuilder } from '../exposition/page-builder.ts';
import { SeriesScanner } from '../exposition/series.ts';
import { toMilliseconds } from '../exposition/timestamp.ts';
import { printedName } from './conflict.ts';
import type { FamilyTable } from './families.ts';
import { type Metadata, type PageIndex, sampleLines } from './page-index.ts';
import { SLICE } from './rewrite.ts';

const LINE_FEED = 10;
const SPACE = 32;
const HASH = 35;

interface TextPage {
  readonly body: Body;
  /** The number of timestamps dropped: text has none before 1970 or from 2^63 ms on. */
  readonly undated: number;
}

/**
 * Converts a page, in slices.
 *
 * @param page - an indexed page of OpenMetrics
 * @returns a page of text, HELP and TYPE lines first
 */
export function* toText(page: PageIndex, families: FamilyTable): Generator<void, TextPage, void> {
  const { bytes, length } = page.body;
  const scanner = new SeriesScanner(page.grammar, new LabelNames([]));
  const created = new Set<string>();
  const samples = new PageBuilder(length + 1024);
  let sliceEnd = SLICE.bytes;
  let undated = 0;
  for (const { from } of sampleLines(page)) {
    if (from > sliceEnd) {
      yield;
      sliceEnd = from + SLICE.bytes;
    }
    const seriesTo = scanner.scan(page.body, from);
    const name = bytes.toString('utf8', scanner.nameFrom, scanner.nameTo);
    if (name.endsWith('_created')) created.add(name);
    samples.copy(bytes, from, seriesTo);
    if (!writeBack(samples, bytes, seriesTo)) undated++;
  }
  const head = new PageBuilder(1024);
  let left: number = SLICE.bytes;
  for (const line of headLines(page.metadata, families, created)) {
    left -= line.length;
    if (left < 0) {
      yield;
      left = SLICE.bytes;
    }
    head.write(line);
  }
  head.append(samples);
  return { body: head.finish(), undated };
}

/**
 * Writes the value and timestamp of a line, without its exemplar.
 *
 * @returns false when text cannot express the timestamp, so that it is dropped
 */
function writeBack(out: PageBuilder, bytes: Buffer, seriesTo: number): boolean {
  let dated = true;
  const valueTo = skipValue(bytes, seriesTo + 1);
  out.copy(bytes, seriesTo, valueTo);
  if (bytes[valueTo] === SPACE && bytes[valueTo + 1] !== HASH) {
    let to = valueTo + 1;
    while (bytes[to] !== SPACE && bytes[to] !== LINE_FEED) to++;
    const milliseconds = toMilliseconds(bytes.toString('latin1', valueTo + 1, to));
    dated = milliseconds !== undefined;
    if (dated) out.write(` ${milliseconds}`);
  }
  out.write('\n');
  return dated;
}

function* headLines(
  metadata: readonly Metadata[],
  families: FamilyTable,
  created: ReadonlySet<string>,
): Iterable<string> {
  const types = new Map<number, FamilyType>();
  for (const { says, family, type } of metadata) if (says === 'type') types.set(family, type);
  for (const { says, family, type, bytes, from, to } of metadata) {
    const name = families.nameOf(family);
    for (const [textName, as] of textFamilies(name, types.get(family) ?? 'unknown')) {
      const printed = printedName(textName);
      if (says === 'help')
        yield `# HELP ${printed} ${textHelp(bytes.toString('utf8', from, to))}\n`;
      if (says === 'type') yield `# TYPE ${printed} ${wordOf(as, 'text')}\n`;
    }
    const hasCreated = says === 'type' && suffixesOf(type, 'openmetrics').includes('_created');
    if (hasCreated && created.has(`${name}_created`)) {
      yield `# TYPE ${printedName(`${name}_created`)} gauge\n`;
    }
  }
}

/** The families of text, by name and type, for the samples of a family of OpenMetrics. */
export function textFamilies(name: string, type: FamilyType): [name: string, type: FamilyType][] {
  const one = (suffix: string, as: FamilyType): [string, FamilyType] => [name + suffix, as];
  switch (type) {
    case 'counter':
      return [one('_total', 'counter')];
    case 'info':
      return [one('_info', 'gauge')];
    case 'stateset':
      return [one('', 'gauge')];
    case 'gaugehistogram':
      return suffixesOf(type, 'openmetrics').map((suffix) => one(suffix, 'unknown'));
    default:
      return [one('', type)];
  }
}

/** Removes the escapes of quotes in HELP, which OpenMetrics has and text has not. */
export function textHelp(help: string): string {
  if (!help.includes('\\"')) return help;
  const parts = help.split('\\\\'); // an escaped backslash escapes no quote
  return parts.map((part) => part.replaceAll('\\"', '"')).join('\\\\');
}
