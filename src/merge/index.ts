/**
 * Indexing: one walk over a page that checks every line and notes where labels go and which bytes
 * belong to which family. `splice.ts` then copies bytes and reads no text.
 *
 * The first page of an indexer gives the layout for the others. `bench/` measures what that saves;
 * `test/merge/index.test.ts` holds that it changes no byte of the merged page.
 */
import { isUtf8 } from 'node:buffer';
import { type Body, sameBytes } from '../exposition/body.ts';
import { ExpositionError } from '../exposition/error.ts';
import type { Grammar } from '../exposition/grammar.ts';
import type { LabelNames } from '../exposition/label-names.ts';
import { type CommentLine, readComment, skipLineBlanks } from '../exposition/metadata.ts';
import { skipOpenMetricsBack, skipTextBack } from '../exposition/sample.ts';
import { BARE, SeriesScanner } from '../exposition/series.ts';
import type { FamilyTable } from './families.ts';
import { keptMetadata } from './kept-metadata.ts';
import { CLASHES, type Layout, LayoutWriter, NO_SAMPLE, QUOTED } from './layout.ts';
import type { NameFilter } from './name-filter.ts';
import { type Metadata, type PageIndex, PageIndexWriter } from './page-index.ts';
import { FamilyResolver, FILTERED } from './resolver.ts';

const LINE_FEED = 10;
const SPACE = 32;
const HASH = 35;

/** What is walked at once: a few milliseconds' work where nothing is known yet. */
const SLICE_BYTES = 262_144;
const SLICE_LINES = 8_192;
const SLICE_STEPS = 1 << 20;
/** Steps of a filter per page: 100 ms. Patterns and names that need more are no honest ones. */
const MAX_STEPS = 1 << 25;
/** A page with more HELP, TYPE and UNIT lines than this is none that a client library wrote. */
const MAX_METADATA = 250_000;

export interface IndexerOptions {
  readonly families: FamilyTable;
  readonly grammar: Grammar;
  /** Names of the labels that will be inserted. */
  readonly reserved: LabelNames;
  /** Of these, the bits of those that a line may have itself, below 256. Standard: none. */
  readonly honored?: number;
  /** Which samples are wanted. Standard: all. */
  readonly filter?: NameFilter | undefined;
  /** Standard: true. False walks every page in full. */
  readonly learn?: boolean;
}

/** Indexes the pages of one merge that are in one format. */
export class Indexer {
  readonly #families: FamilyTable;
  readonly #grammar: Grammar;
  readonly #scanner: SeriesScanner;
  readonly #strict: boolean;
  readonly #resolver: FamilyResolver;
  readonly #honored: number;
  readonly #filter: NameFilter | undefined;
  /** Lists of metadata -> what of them is kept: pages of one layout share theirs. */
  readonly #kept = new WeakMap<readonly Metadata[], readonly Metadata[]>();
  readonly #learn: boolean;
  readonly #writer = new PageIndexWriter();
  #layout: Layout | undefined;

  // The page in work.
  #at = 0;
  #ended = false;
  #learning: LayoutWriter | undefined;
  /** Metadata lines of the layout that this page has too, from the first one on. */
  #shared = 0;
  /** The page's own list, once it differs from the layout's. */
  #metadata: Metadata[] | undefined;
  #dropped = 0;
  #filtered = 0;
  /** What must be rewritten in some line of the page. */
  #flags = 0;
  /** The layout's line that is expected next. */
  #expected = 0;
  /** Lines that were the layout's, and lines that were not. */
  #hits = 0;
  #misses = 0;

  constructor(options: IndexerOptions) {
    const { families, grammar, reserved, honored = 0, filter, learn = true } = options;
    this.#honored = honored;
    this.#filter = filter;
    this.#families = families;
    this.#grammar = grammar;
    this.#scanner = new SeriesScanner(grammar, reserved);
    this.#strict = grammar.strict;
    this.#learn = learn;
    this.#resolver = new FamilyResolver(families, grammar.format, filter);
  }

  /**
   * Indexes a page in slices: between two of them the caller may let others have their turn, but
   * must not begin another page.
   *
   * @throws {ExpositionError} when a real Prometheus would not ingest every line of the page
   */
  *index(body: Body): Generator<void, PageIndex, void> {
    const known = this.#families.size;
    this.#begin(body);
    try {
      while (!this.#ended) {
        this.#walk(body, Math.min(this.#at + SLICE_BYTES, body.length));
        if (!this.#ended) yield;
      }
      this.#writer.breakAt(this.#at);
      this.#checkUtf8(body);
    } catch (error) {
      this.#writer.clear();
      this.#families.truncate(known);
      throw error;
    }
    const page = this.#finish(body);
    return this.#filter === undefined ? page : yield* this.#withKept(page, this.#filter);
  }

  /** What equals the layout's bytes is UTF-8, values are ASCII: only other lines (and exemplars) need a look. */
  #checkUtf8({ bytes, length }: Body): void {
    const known = !this.#strict && this.#layout !== undefined && this.#misses === 0;
    if (!known && !isUtf8(bytes.subarray(0, length))) this.#fail(bytes, 0, 'the page is not UTF-8');
  }

  #begin(body: Body): void {
    const layout = this.#layout;
    this.#at = 0;
    this.#ended = false;
    this.#learning = this.#learn && layout === undefined ? new LayoutWriter() : undefined;
    this.#shared = 0;
    this.#metadata = layout === undefined ? [] : undefined;
    this.#resolver.begin(body);
    this.#dropped = 0;
    this.#filtered = 0;
    this.#flags = 0;
    this.#expected = 0;
    this.#hits = 0;
    this.#misses = 0;
  }

  #finish(body: Body): PageIndex {
    const page: PageIndex = {
      body,
      grammar: this.#grammar,
      ...this.#writer.take(),
      metadata: this.#metadataList(),
      dropped: this.#dropped,
      filtered: this.#filtered,
      clashes: (this.#flags & CLASHES) !== 0,
      quoted: (this.#flags & QUOTED) !== 0,
    };
    if (this.#learning?.full === false) this.#layout = this.#learning.finish(page);
    else if (this.#misses > this.#hits) this.#layout = undefined; // the next page may teach better
    return page;
  }

  /** The layout keeps the whole list, since its lines tell their place in it. */
  *#withKept(page: PageIndex, filter: NameFilter): Generator<void, PageIndex, void> {
    const { metadata } = page;
    let kept = this.#kept.get(metadata);
    if (kept === undefined) {
      const { format } = this.#grammar;
      kept = yield* keptMetadata(metadata, { families: this.#families, format, filter });
      this.#kept.set(metadata, kept);
    }
    return { ...page, metadata: kept };
  }

  /** Walks the lines that begin before `limit`, but not too many that must be read in full. */
  #walk(body: Body, limit: number): void {
    const { bytes, length } = body;
    const maxSteps = this.#resolver.filterSteps + SLICE_STEPS;
    let p = this.#at;
    for (let read = 0; p < limit && read < SLICE_LINES; read++) {
      if (this.#resolver.filterSteps > maxSteps) break;
      if (this.#layout !== undefined) {
        p = this.#walkLayout(this.#layout, body, p, limit);
        if (p >= limit) break;
        this.#misses += 1;
      }
      const first = bytes[p]!;
      if (first > SPACE && first !== HASH) {
        p = this.#sample(body, p);
        continue;
      }
      this.#writer.breakAt(p);
      const next = this.#noSample(bytes, p);
      if (next < 0) {
        this.#endOfPage(body, p);
        break;
      }
      p = next;
    }
    this.#at = p;
    if (p < length || this.#ended) return;
    if (this.#strict) this.#fail(bytes, length, 'no # EOF at the end');
    this.#ended = true;
  }

  /** Walks on as long as the lines are the layout's. Returns the offset of the first other one. */
  #walkLayout(layout: Layout, { bytes, view, length }: Body, from: number, limit: number): number {
    const { starts, lengths, inserts, honored, refs, lines } = layout;
    const layoutView = layout.body.view;
    const writer = this.#writer;
    const strict = this.#strict;
    let p = from;
    let t = this.#expected;
    for (; t < lines && p < limit; t++) {
      const same = lengths[t]!;
      if (p + same > length || !sameBytes(view, p, layoutView, starts[t]!, same)) break;
      const insert = inserts[t]!;
      const ref = refs[t]!;
      if (insert === NO_SAMPLE) {
        writer.breakAt(p);
        if (ref >= 0) this.#shareMetadata(layout, ref);
        p += same;
        continue;
      }
      const at = p + same;
      const next = strict
        ? skipOpenMetricsBack(bytes, at, p + nameLength(insert))
        : skipTextBack(bytes, at);
      if (next < 0) break;
      if (ref >= 0) writer.line(ref, p, insert + p * 4, honored[t]!);
      else this.#drop(p, ref);
      p = next;
    }
    if (layout.flags !== undefined) {
      for (let line = this.#expected; line < t; line++) this.#flags |= layout.flags[line]!;
    }
    this.#hits += t - this.#expected;
    this.#expected = t;
    return p;
  }

  /** A sample line, in full. Returns the offset of the next line. */
  #sample(body: Body, from: number): number {
    const { bytes } = body;
    const scanner = this.#scanner;
    const families = this.#families;
    let p = scanner.scan(body, from);
    if (p < 0 && scanner.full) {
      throw new ExpositionError('too-large', bytes, from, 'too many labels');
    }
    if (p < 0) this.#fail(bytes, from, 'no metric name and labels');
    if (!this.#strict) p = skipLineBlanks(bytes, p, this.#grammar);
    else if (bytes[p++] !== SPACE) this.#fail(bytes, from, 'no blank before the value');
    const next = this.#strict
      ? skipOpenMetricsBack(bytes, p, scanner.nameTo)
      : skipTextBack(bytes, p);
    if (next < 0) this.#fail(bytes, from, 'no number as value or timestamp');
    const honored = scanner.clashes & this.#honored;
    const flags = (scanner.clashes === honored ? 0 : CLASHES) | (scanner.quoted ? QUOTED : 0);
    this.#flags |= flags;
    if (this.#writer.full || families.full) {
      throw new ExpositionError('too-large', bytes, from, 'too many metric families');
    }
    this.#ownMetadata(); // the types declared so far decide on the sample's family
    const insert = scanner.insertAt * 4 + scanner.insertKind;
    const family = this.#resolver.familyOf(scanner);
    if (this.#resolver.filterSteps > MAX_STEPS) {
      throw new ExpositionError('too-large', bytes, from, 'too long names for the patterns bound');
    }
    if (family < 0) this.#drop(from, family);
    else this.#writer.line(family, from, insert, honored);
    this.#learning?.sample(from, p, { insert, honored, family, flags });
    return next;
  }

  #drop(from: number, why: number): void {
    this.#writer.breakAt(from);
    if (why === FILTERED) this.#filtered += 1;
    else this.#dropped += 1;
  }

  /** A comment or blank line. Returns the offset of the next line, or -1 at `# EOF`. */
  #noSample(bytes: Buffer, from: number): number {
    const p = skipLineBlanks(bytes, from, this.#grammar);
    if (bytes[p] === LINE_FEED && !this.#strict) {
      this.#learning?.comment(from, p + 1 - from, { ordinal: -1, flags: 0 });
      return p + 1;
    }
    if (bytes[p] !== HASH) this.#fail(bytes, from, 'a line begins with a blank or is empty');
    const end = bytes.indexOf(LINE_FEED, p);
    const comment = readComment(bytes, p, end, this.#grammar);
    if (comment.says === 'eof') return -1;
    if (comment.says === 'nothing') {
      this.#learning?.comment(from, end + 1 - from, { ordinal: -1, flags: 0 });
    } else this.#metadataLine(bytes, from, end, comment);
    return end + 1;
  }

  #metadataLine(bytes: Buffer, from: number, end: number, comment: CommentLine): void {
    const { says, type, textFrom, textTo, quoted } = comment;
    if (says === 'eof' || says === 'nothing') return;
    const family = this.#resolver.named(comment.nameFrom, comment.nameTo);
    const metadata = this.#ownMetadata();
    if (this.#families.full || metadata.length > MAX_METADATA) {
      throw new ExpositionError('too-large', bytes, from, 'too many metric families');
    }
    const flags = quoted ? QUOTED : 0;
    this.#flags |= flags;
    if (this.#families.isOwn(family)) {
      this.#learning?.comment(from, end + 1 - from, { ordinal: -1, flags });
      return;
    }
    this.#learning?.comment(from, end + 1 - from, { ordinal: metadata.length, flags });
    this.#learning?.resumeAt(family);
    metadata.push({ says, family, type, bytes, from: textFrom, to: textTo });
    if (says === 'type') this.#resolver.declare(family, type);
    this.#resolver.declaredAt(family, comment.nameFrom, comment.nameTo);
    const resume = this.#layout?.resume.get(family);
    if (resume !== undefined) this.#expected = resume;
  }

  /** A line is the layout's: as long as all are, the page has the layout's list. */
  #shareMetadata(layout: Layout, ref: number): void {
    if (this.#metadata === undefined && ref === this.#shared) {
      this.#shared += 1;
      return;
    }
    const line = layout.metadata[ref]!;
    this.#ownMetadata().push(line);
    if (line.says === 'type') this.#resolver.declare(line.family, line.type);
  }

  /** Begins a list of the page's own, with what it has had in common with the layout's. */
  #ownMetadata(): Metadata[] {
    if (this.#metadata === undefined) {
      this.#metadata = this.#layout?.metadata.slice(0, this.#shared) ?? [];
      for (const { says, family, type } of this.#metadata) {
        if (says === 'type') this.#resolver.declare(family, type);
      }
    }
    return this.#metadata;
  }

  #metadataList(): readonly Metadata[] {
    const { metadata = [] } = this.#layout ?? {};
    return this.#metadata ?? (this.#shared === metadata.length ? metadata : this.#ownMetadata());
  }

  /** `# EOF`: nothing may follow. */
  #endOfPage({ bytes, length }: Body, from: number): void {
    const end = bytes.indexOf(LINE_FEED, from) + 1;
    if (end < length) this.#fail(bytes, end, 'data behind # EOF');
    this.#ended = true;
  }

  #fail(bytes: Buffer, offset: number, what: string): never {
    throw new ExpositionError('grammar', bytes, offset, what);
  }
}

/** From the begin of an OpenMetrics line to the end of its name, told by where labels go. */
function nameLength(insert: number): number {
  return (insert & 3) === BARE ? insert >> 2 : (insert >> 2) - 1;
}
