/**
 * Pages that cannot be spliced as they are, written anew in the same format: labels that stand in
 * the way renamed, names in quotes printed as the reader understands them.
 */
import type { Body } from '../exposition/body.ts';
import { type Escaping, printName, unquote } from '../exposition/escape.ts';
import { wordOf } from '../exposition/grammar.ts';
import { LabelNames } from '../exposition/label-names.ts';
import { PageBuilder } from '../exposition/page-builder.ts';
import { SeriesScanner } from '../exposition/series.ts';
import type { FamilyTable } from './families.ts';
import { type Metadata, type PageIndex, sampleLines } from './page-index.ts';
import { type LabelConflict, relabel } from './relabel.ts';

/** What is rewritten at once: a few milliseconds' work. */
export const SLICE = { bytes: 32_768 } as const;

export interface RewriteOptions {
  readonly families: FamilyTable;
  readonly escaping: Escaping;
  /** Labels of these names are renamed or dropped. */
  readonly inTheWay: ReadonlySet<string>;
  /** Labels of these names are the app's, also when it says that they are empty. */
  readonly honored: readonly string[];
  readonly labelConflict: LabelConflict;
}

/** Writes an indexed page anew, in slices; HELP, TYPE and UNIT lines come first. */
export function* rewritePage(
  page: PageIndex,
  options: RewriteOptions,
): Generator<void, Body, void> {
  const { bytes, length } = page.body;
  const reserved = new LabelNames([...options.inTheWay]);
  const scanner = new SeriesScanner(page.grammar, reserved);
  const prefixes = options.labelConflict === 'exported' && ![...options.inTheWay].some(isPrefixed);
  const out = new PageBuilder(length + 1024);
  let left: number = SLICE.bytes;
  for (const line of page.metadata) {
    const text = metadataLine(line, page, options);
    left -= text.length;
    if (left < 0) {
      yield;
      left = SLICE.bytes;
    }
    out.write(text);
  }
  let sliceEnd = SLICE.bytes;
  for (const { from, to } of sampleLines(page)) {
    if (from > sliceEnd) {
      yield;
      sliceEnd = from + SLICE.bytes;
    }
    const seriesTo = scanner.scan(page.body, from);
    if (prefixes && prefixLabels(out, bytes, scanner, { reserved, from, to })) continue;
    const series = rewriteSeries(bytes, scanner, options);
    if (series === undefined) out.copy(bytes, from, to);
    else {
      out.write(series);
      out.copy(bytes, seriesTo, to);
    }
  }
  if (page.grammar.strict) out.write('# EOF\n');
  return out.finish();
}

function metadataLine(line: Metadata, page: PageIndex, options: RewriteOptions): string {
  const { says, family, type, bytes, from, to } = line;
  const name = printName(unquote(options.families.nameOf(family)), 'metric', options.escaping);
  const text =
    says === 'type' ? wordOf(type, page.grammar.format) : bytes.toString('utf8', from, to);
  return `# ${says.toUpperCase()} ${name} ${text}\n`;
}

const PREFIX = Buffer.from('exported_');

/** Of a name that is inserted: a label that gets the prefix might meet it. */
function isPrefixed(name: string): boolean {
  return name.startsWith(PREFIX.toString());
}

interface PrefixedLine {
  readonly reserved: LabelNames;
  readonly from: number;
  readonly to: number;
}

/**
 * Copies the line just scanned, with the prefix in front of each label that stands in the way: what
 * `rewriteSeries` would write, without making strings. That is the case of whole apps that have a
 * label `job` or `instance` in every line.
 *
 * @returns false, with nothing written, for names in quotes, empty values and names prefixed already
 */
function prefixLabels(
  out: PageBuilder,
  bytes: Buffer,
  { quoted, clashes, labels, labelsEnd }: SeriesScanner,
  { reserved, from, to }: PrefixedLine,
): boolean {
  if (quoted) return false;
  if (clashes !== 0) {
    for (let i = 0; i < labelsEnd; i += 4) {
      if (labels[i + 3]! - labels[i + 2]! === 2 || startsPrefixed(bytes, labels[i]!)) return false;
    }
  }
  let at = from;
  for (let i = 0; clashes !== 0 && i < labelsEnd; i += 4) {
    const nameFrom = labels[i]!;
    if (reserved.bitOf(bytes, nameFrom, labels[i + 1]!) === 0) continue;
    out.copy(bytes, at, nameFrom);
    out.copy(PREFIX, 0, PREFIX.length);
    at = nameFrom;
  }
  out.copy(bytes, at, to);
  return true;
}

function startsPrefixed(bytes: Buffer, at: number): boolean {
  for (let i = 0; i < PREFIX.length; i++) if (bytes[at + i] !== PREFIX[i]) return false;
  return true;
}

/** Name and labels of the line just scanned; `undefined` when they stay as they are. */
function rewriteSeries(
  bytes: Buffer,
  scanner: SeriesScanner,
  { escaping, inTheWay, honored, labelConflict }: RewriteOptions,
): string | undefined {
  const labels = labelsOf(bytes, scanner, escaping);
  if (!scanner.quoted && !labels.some(({ name }) => inTheWay.has(name))) return undefined;
  // An empty label is none, but where it keeps one from being inserted.
  const kept = labels.filter(({ name, value }) => value !== '""' || honored.includes(name));
  const taken = new Set([...inTheWay, ...kept.map(({ name }) => name)]);
  const pairs = kept.flatMap(({ name, value }) => {
    const free = inTheWay.has(name) ? relabel(name, taken, labelConflict) : name;
    if (free === undefined) return [];
    taken.add(free);
    return [`${free}=${value}`];
  });
  const { nameFrom, nameTo } = scanner;
  const metric = printName(unquote(bytes.toString('utf8', nameFrom, nameTo)), 'metric', escaping);
  if (metric.startsWith('"')) return `{${[metric, ...pairs].join(',')}}`;
  return pairs.length === 0 ? metric : `${metric}{${pairs.join(',')}}`;
}

interface Label {
  readonly name: string;
  /** In quotes. */
  readonly value: string;
}

/** The labels of the line just scanned. */
function labelsOf(
  bytes: Buffer,
  { labels, labelsEnd }: SeriesScanner,
  escaping: Escaping,
): Label[] {
  const found: Label[] = [];
  for (let i = 0; i < labelsEnd; i += 4) {
    const name = unquote(bytes.toString('utf8', labels[i], labels[i + 1]));
    const value = bytes.toString('utf8', labels[i + 2], labels[i + 3]);
    found.push({ name: printName(name, 'label', escaping), value });
  }
  return found;
}
