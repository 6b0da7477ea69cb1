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
import {
  CLASHES,
  DROPPED,
  FAMILY,
  FILTERED,
  HEAD,
  HONORED,
  INSERT,
  type Layout,
  LayoutWriter,
  LENGTH,
  layoutBytes,
  NO_SAMPLE,
  QUOTED,
} from './layout.ts';
import { layoutWalk } from './layout-walk.ts';
import type { NameFilter } from './name-filter.ts';
import { type Metadata, type PageIndex, PageIndexWriter } from './page-index.ts';
import { PageMetadata } from './page-metadata.ts';
import { FamilyResolver, UNWANTED } from './resolver.ts';

const LINE_FEED = 10;
const SPACE = 32;
const HASH = 35;

/** What is walked at once: a few milliseconds' work where nothing is known yet. */
const SLICE_BYTES = 262_144;
const SLICE_LINES = 8_192;
const SLICE_STEPS = 1 << 20;
/** A walk over fewer lines is dearer than comparing them one by one, which is then done for a while. */
const LONG_WALK = 4;
const LINES_BETWEEN = 16;
/** So many pages in a row that are not like the one before them: no further one is learnt. */
const MAX_STRANGERS = 4;
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

/** A page that was learnt, and what was noted of it. */
interface Learnt {
  readonly writer: LayoutWriter;
  readonly page: PageIndex;
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
  #learn: boolean;
  readonly #writer = new PageIndexWriter();
  /** Its layout is made when there is another page to compare with it. */
  #learnt: Learnt | undefined;
  #layout: Layout | undefined;
  /** Pages in a row that were not like the layout. */
  #strangers = 0;

  // The page in work.
  #at = 0;
  #ended = false;
  #learning: LayoutWriter | undefined;
  readonly #metadata: PageMetadata;
  #layoutBytes = 0;
  #dropped = 0;
  #filtered = 0;
  /** What must be rewritten in some line of the page. */
  #flags = 0;
  /** The layout's line that is expected next. */
  #expected = 0;
  /** Lines to be compared one by one before a walk is tried again: the last one did not get far. */
  #untilWalk = 0;
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
    this.#metadata = new PageMetadata(this.#resolver);
  }

  /**
   * Indexes a page in slices: between two of them the caller may let others have their turn, but
   * must not begin another page.
   *
   * @throws {ExpositionError} when a real Prometheus would not ingest every line of the page
   */
  *index(body: Body): Generator<void, PageIndex, void> {
    const known = this.#families.size;
    this.#layoutBytes = 0;
    if (this.#learnt !== undefined) yield* this.#makeLayout(this.#learnt);
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
    const learns = this.#learn && this.#strangers < MAX_STRANGERS;
    this.#learning = learns && layout === undefined ? new LayoutWriter() : undefined;
    this.#metadata.begin(layout);
    this.#resolver.begin(body);
    this.#dropped = 0;
    this.#filtered = 0;
    this.#flags = 0;
    this.#expected = 0;
    this.#untilWalk = 0;
    this.#hits = 0;
    this.#misses = 0;
  }

  *#makeLayout({ writer, page }: Learnt): Generator<void, void, void> {
    this.#layout = yield* writer.finish(page);
    this.#layoutBytes = layoutBytes(this.#layout);
    this.#learnt = undefined;
  }

  #finish(body: Body): PageIndex {
    const page: PageIndex = {
      body,
      grammar: this.#grammar,
      ...this.#writer.take(),
      metadata: this.#metadata.all(),
      dropped: this.#dropped,
      filtered: this.#filtered,
      clashes: (this.#flags & CLASHES) !== 0,
      quoted: (this.#flags & QUOTED) !== 0,
      layoutBytes: this.#layoutBytes,
    };
    if (this.#learning?.full)
      this.#learn = false; // others will be as large
    else if (this.#learning) this.#learnt = { writer: this.#learning, page };
    if (this.#layout !== undefined) this.#judgeLayout();
    return page;
  }

  /** Where most lines are others, the next page may teach better. */
  #judgeLayout(): void {
    const strange = this.#misses > this.#hits;
    this.#strangers = strange ? this.#strangers + 1 : 0;
    if (strange) this.#layout = undefined;
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
    if (this.#layout !== undefined) layoutWalk().begin();
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
  #walkLayout(layout: Layout, body: Body, from: number, limit: number): number {
    const writer = this.#writer;
    const walk = layoutWalk();
    const firstLine = this.#expected;
    const firstSample = writer.lines;
    let line = firstLine;
    let p = from;
    while (line < layout.lines && p < limit) {
      const next = this.#layoutLine(layout, line, body, p);
      if (next < 0) break;
      line += 1;
      p = next;
      if (line === layout.lines || p >= limit) break;
      if (this.#untilWalk > 0) {
        this.#untilWalk -= 1;
        continue;
      }
      const walked = walk.walk({ layout, line, body, from: p }, writer);
      if (walked < LONG_WALK) this.#untilWalk = LINES_BETWEEN;
      line += walked;
      p = walk.at;
    }
    this.#metadata.share(layout.metadataBefore[firstLine]!, layout.metadataBefore[line]!);
    if (layout.flags !== undefined) this.#noteFlags(layout, firstLine, line, firstSample);
    this.#hits += line - firstLine;
    this.#expected = line;
    return p;
  }

  /** One line of the layout. Returns the offset of the next line, or -1: it is not the layout's. */
  #layoutLine(layout: Layout, line: number, { bytes, view, length }: Body, p: number): number {
    const writer = this.#writer;
    const recordAt = layout.recordsAt[line]!;
    const head = recordAt / Int32Array.BYTES_PER_ELEMENT;
    const same = layout.integers[head + LENGTH]!;
    const at = p + same;
    if (at > length || !sameBytes(view, p, layout.view, recordAt + HEAD, same)) return -1;
    const insert = layout.integers[head + INSERT]!;
    if (insert === NO_SAMPLE) {
      writer.breakAt(p);
      return at;
    }
    const next = this.#strict
      ? skipOpenMetricsBack(bytes, at, p + nameLength(insert))
      : skipTextBack(bytes, at);
    if (next < 0) return -1;
    const family = layout.integers[head + FAMILY]!;
    if (family < 0) writer.breakAt(p);
    else writer.line(family, p, insert + p * 4, 0);
    return next;
  }

  /** Does what is out of the ordinary in lines of the layout that were walked. */
  #noteFlags(layout: Layout, from: number, to: number, firstSample: number): void {
    const { flags, honored, integers, recordsAt } = layout;
    let sample = firstSample;
    for (let line = from; line < to; line++) {
      this.#note(flags![line]!);
      if ((flags![line]! & HONORED) !== 0) this.#writer.honor(sample, honored[line]!);
      if (integers[recordsAt[line]! / Int32Array.BYTES_PER_ELEMENT + FAMILY]! >= 0) sample += 1;
    }
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
    if (this.#writer.full || families.full) {
      throw new ExpositionError('too-large', bytes, from, 'too many metric families');
    }
    this.#metadata.own(); // the types declared so far decide on the sample's family
    const insert = scanner.insertAt * 4 + scanner.insertKind;
    const family = this.#resolver.familyOf(scanner);
    if (this.#resolver.filterSteps > MAX_STEPS) {
      throw new ExpositionError('too-large', bytes, from, 'too long names for the patterns bound');
    }
    const honored = scanner.clashes & this.#honored;
    const flags = this.#flagsOf(scanner, honored, family);
    this.#note(flags);
    if (family < 0) this.#writer.breakAt(from);
    else this.#writer.line(family, from, insert, honored);
    this.#learning?.sample(from, p, { insert, honored, family, flags });
    return next;
  }

  #flagsOf({ clashes, quoted }: SeriesScanner, honored: number, family: number): number {
    const kept = family >= 0 ? 0 : family === UNWANTED ? FILTERED : DROPPED;
    return (
      kept |
      (clashes === honored ? 0 : CLASHES) |
      (quoted ? QUOTED : 0) |
      (honored !== 0 && kept === 0 ? HONORED : 0)
    );
  }

  #note(flags: number): void {
    this.#flags |= flags;
    if ((flags & DROPPED) !== 0) this.#dropped += 1;
    if ((flags & FILTERED) !== 0) this.#filtered += 1;
  }

  /** A comment or blank line. Returns the offset of the next line, or -1 at `# EOF`. */
  #noSample(bytes: Buffer, from: number): number {
    const p = skipLineBlanks(bytes, from, this.#grammar);
    if (bytes[p] === LINE_FEED && !this.#strict) {
      this.#learning?.comment(from, p + 1 - from, { isMetadata: false, flags: 0 });
      return p + 1;
    }
    if (bytes[p] !== HASH) this.#fail(bytes, from, 'a line begins with a blank or is empty');
    const end = bytes.indexOf(LINE_FEED, p);
    const comment = readComment(bytes, p, end, this.#grammar);
    if (comment.says === 'eof') return -1;
    if (comment.says === 'nothing') {
      this.#learning?.comment(from, end + 1 - from, { isMetadata: false, flags: 0 });
    } else this.#metadataLine(bytes, from, end, comment);
    return end + 1;
  }

  #metadataLine(bytes: Buffer, from: number, end: number, comment: CommentLine): void {
    const { says, type, textFrom, textTo, quoted } = comment;
    if (says === 'eof' || says === 'nothing') return;
    const family = this.#resolver.named(comment.nameFrom, comment.nameTo);
    const metadata = this.#metadata.own();
    if (this.#families.full || metadata.length > MAX_METADATA) {
      throw new ExpositionError('too-large', bytes, from, 'too many metric families');
    }
    const flags = quoted ? QUOTED : 0;
    this.#flags |= flags;
    if (this.#families.isOwn(family)) {
      this.#learning?.comment(from, end + 1 - from, { isMetadata: false, flags });
      return;
    }
    this.#learning?.comment(from, end + 1 - from, { isMetadata: true, flags });
    this.#learning?.resumeAt(family);
    metadata.push({ says, family, type, bytes, from: textFrom, to: textTo });
    if (says === 'type') this.#resolver.declare(family, type);
    this.#resolver.declaredAt(family, comment.nameFrom, comment.nameTo);
    const resume = this.#layout?.resume.get(family);
    if (resume !== undefined) this.#expected = resume;
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
