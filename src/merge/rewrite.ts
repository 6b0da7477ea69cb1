/**
 * Rewrites pages that cannot be spliced as they are, not even with edits, in the same format: renames or
 * drops labels that clash with inserted labels, and escapes names in quotes for the reader.
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

/** The size of a slice: a few milliseconds of work. */
export const SLICE = { bytes: 32_768 } as const;

export interface RewriteOptions {
  readonly families: FamilyTable;
  readonly escaping: Escaping;
  /** The names of labels to rename or drop. */
  readonly clashing: ReadonlySet<string>;
  /** The names of labels to keep even if their values are empty. */
  readonly honored: readonly string[];
  readonly labelConflict: LabelConflict;
}

/** Rewrites an indexed page, in slices; HELP, TYPE and UNIT lines come first. */
export function* rewritePage(
  page: PageIndex,
  options: RewriteOptions,
): Generator<void, Body, void> {
  const { bytes, length } = page.body;
  const scanner = new SeriesScanner(page.grammar, new LabelNames([]));
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

/** The new name and labels of the line just scanned; `undefined` if they stay unchanged. */
function rewriteSeries(
  bytes: Buffer,
  scanner: SeriesScanner,
  { escaping, clashing, honored, labelConflict }: RewriteOptions,
): string | undefined {
  const labels = labelsOf(bytes, scanner, escaping);
  if (!scanner.quoted && !labels.some(({ name }) => clashing.has(name))) return undefined;
  // An empty label means nothing, unless it is honoured instead of an inserted label.
  const kept = labels.filter(({ name, value }) => value !== '""' || honored.includes(name));
  const taken = new Set([...clashing, ...kept.map(({ name }) => name)]);
  const pairs = kept.flatMap(({ name, value }) => {
    const free = clashing.has(name) ? relabel(name, taken, labelConflict) : name;
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
  /** The value as the page has it, with quotes and escapes. */
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
