/**
 * Renders a page piece by piece.
 *
 * A piece is a run of heads and blocks, rendered in one go: no metric is ever torn, whatever is pushed
 * meanwhile. Where pieces begin follows from the blocks themselves, so that a block that is new or
 * gone moves few of the others to other pieces.
 */
import type { Pace } from '../../clock.ts';
import type { LedgerFamily, MetricBlock, PageSource } from '../page-source.ts';
import { isCompound, sampleCount } from '../pushed-page.ts';
import { Duplicates, type LeftOut } from './duplicates.ts';
import {
  type BlockPlace,
  type KeptPage,
  KeptPages,
  type Piece,
  type PieceKey,
} from './kept-pages.ts';
import { PageBytes } from './page-bytes.ts';
import {
  type PageFamily,
  type PagePart,
  type PagePlan,
  PagePlanner,
  type PageStyle,
} from './page-plan.ts';
import { KIND_BITS } from './page-samples.ts';
import { lineWriter, type PageWriter } from './write-lines.ts';
import { protobufWriter } from './write-protobuf.ts';

/** A piece may end after so many samples, about 60 KB of text. */
const LEAST_SAMPLES = 512;
/** A piece ends after one of so many blocks. */
const CHANCE = 4;
/** A piece ends after so many samples at the latest, unless one block has more. */
const MOST_SAMPLES = 1_024;
/** In protobuf, a family with more is several messages of one name. */
const MOST_SAMPLES_OF_MESSAGES = 8_192;
/** The bytes of smaller blocks are rendered again: looking these up would take as long. */
const LEAST_KEPT_SAMPLES = 16;
/** Families between two looks at the clock. */
const STEP = 256;

interface Item {
  readonly family: PageFamily;
  readonly part: PagePart;
  readonly block: MetricBlock;
  readonly leftOut: ReadonlySet<string> | undefined;
}

/** Something that is written in a piece: the head of a family, a block, or what ends a page. */
type Entry = { readonly head: PageFamily } | Item | { readonly foot: string };

export interface PageRequest {
  /** Undefined: all tenants. */
  readonly tenant: string | undefined;
  readonly style: PageStyle;
}

/** Makes the pages of one source. */
export class PageRenderer {
  readonly #source: PageSource;
  readonly #kept: KeptPages;
  readonly #duplicates = new Duplicates();

  /** @param maxKeptBytes - bound on the memory of pieces that are kept for the next page */
  constructor(source: PageSource, { maxKeptBytes }: { readonly maxKeptBytes: number }) {
    this.#source = source;
    this.#kept = new KeptPages(maxKeptBytes);
  }

  get keptBytes(): number {
    return this.#kept.sizeBytes;
  }

  /** @param pace - awaited between short steps */
  async plan({ tenant, style }: PageRequest, pace: Pace): Promise<PagePlan> {
    const planner = new PagePlanner(style);
    let added = 0;
    for (const family of this.#source.families(tenant)) {
      planner.add(family);
      if (++added % STEP === 0) await pace();
    }
    return await paced(planner.finish(), pace);
  }

  /** The metrics that a page leaves out, since they are on the page already. */
  async leftOutOf(plan: PagePlan, request: PageRequest, pace: Pace): Promise<LeftOut> {
    const all: (readonly [PagePart, ReadonlySet<string>])[] = [];
    for (const family of plan.families) {
      for (const one of await this.#leftOut(family, request, pace)) all.push(one);
    }
    return new Map(all);
  }

  #leftOut(family: PageFamily, request: PageRequest, pace: Pace): Promise<LeftOut> {
    return paced(this.#duplicates.of(family, request.style, nameOf(request)), pace);
  }

  /** Pieces are rendered when they are asked for. */
  async *pieces(request: PageRequest, pace: Pace): AsyncGenerator<Piece, void, void> {
    const plan = await this.plan(request, pace);
    const kept = this.#kept.page(nameOf(request));
    const page = kept.begin();
    const writer = writerOf(request.style);
    const draft = new Draft(writer, kept, page);
    for (const family of plan.families) {
      const leftOut = await this.#leftOut(family, request, pace);
      draft.begin(family);
      for (const part of family.parts) {
        const none = leftOut.get(part);
        for (const block of part.blocks) {
          draft.add({ family, part, block, leftOut: none });
          if (!draft.isFull(block)) continue;
          yield draft.finish();
          await pace();
        }
      }
      if (!draft.isFull()) continue;
      yield draft.finish();
      await pace();
    }
    if (writer.foot !== '') draft.end(writer.foot);
    if (!draft.isEmpty) yield draft.finish();
    kept.end(page);
  }
}

function nameOf({ tenant, style }: PageRequest): string {
  return `${style.format} ${style.escaping} ${tenant ?? '\n'}`;
}

function writerOf(style: PageStyle): PageWriter {
  return style.format === 'protobuf' ? protobufWriter(style) : lineWriter(style);
}

async function paced<T>(steps: Generator<void, T, void>, pace: Pace): Promise<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    const turn = pace();
    if (turn) await turn;
  }
}

/** Memory for the piece that is rendered; rendering one piece never waits. */
const bytes = new PageBytes();

/** The piece that comes next. */
class Draft {
  readonly #writer: PageWriter;
  readonly #kept: KeptPage;
  readonly #page: number;
  readonly #entries: Entry[] = [];
  #samples = 0;

  constructor(writer: PageWriter, kept: KeptPage, page: number) {
    this.#writer = writer;
    this.#kept = kept;
    this.#page = page;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  begin(head: PageFamily): void {
    this.#entries.push({ head });
    this.#samples += 1;
  }

  add(item: Item): void {
    if (this.isEmpty && this.#writer.repeatsHeads) this.begin(item.family);
    this.#entries.push(item);
    this.#samples += samplesOf(item.part.family, item.block);
  }

  end(foot: string): void {
    this.#entries.push({ foot });
  }

  /** @param block - the last one; undefined after the last block of a family */
  isFull(block?: MetricBlock): boolean {
    if (this.#writer.repeatsHeads && block) return this.#samples >= MOST_SAMPLES_OF_MESSAGES;
    if (this.#samples < LEAST_SAMPLES) return false;
    return this.#samples >= MOST_SAMPLES || !block || mixed(block.version) % CHANCE === 0;
  }

  finish(): Piece {
    // Blocks that have lost their last metric meanwhile have no new version.
    const entries = this.#entries.filter(
      (one) => !('block' in one) || one.block.metrics.length > 0,
    );
    const keys = entries.map((entry) => this.#keyOf(entry));
    const piece = this.#kept.find(keys, this.#page) ?? this.#render(entries, keys);
    this.#entries.length = 0;
    this.#samples = 0;
    return piece;
  }

  #keyOf(entry: Entry): PieceKey {
    if ('head' in entry) return this.#writer.headOf(entry.head);
    if ('foot' in entry) return entry.foot;
    const { family, part, block, leftOut } = entry;
    if (leftOut) return Number.NaN;
    return block.version * KIND_BITS + this.#writer.keyOf(family, part);
  }

  #render(entries: readonly Entry[], keys: readonly PieceKey[]): Piece {
    const writer = this.#writer;
    const places: BlockPlace[] = [];
    let first = 0;
    let isOpen = false;
    const end = (): void => {
      const moved = isOpen ? writer.end(bytes) : 0;
      if (moved > 0) {
        for (let at = first; at < places.length; at++) places[at] = shift(places[at]!, moved); // `at` is in bounds
      }
      first = places.length;
      isOpen = false;
    };
    bytes.clear();
    entries.forEach((entry, at) => {
      if ('head' in entry) {
        end();
        writer.begin(bytes, entry.head);
        isOpen = true;
      } else if ('foot' in entry) bytes.text(entry.foot);
      else {
        const place = this.#write(entry, keys[at]!); // there is one key for each entry
        if (place) places.push(place);
      }
    });
    end();
    return this.#kept.add(keys, bytes.take(), places, this.#page);
  }

  /** @returns where the bytes of the block lie, if these are worth being kept */
  #write({ part, block, leftOut }: Item, key: PieceKey): BlockPlace | undefined {
    const isKept =
      typeof key === 'number' &&
      !Number.isNaN(key) &&
      samplesOf(part.family, block) >= LEAST_KEPT_SAMPLES;
    const known = isKept ? this.#kept.bytesOf(key) : undefined;
    const from = bytes.length;
    if (known) bytes.bytes(known);
    else this.#writer.metrics(bytes, part, block.metrics, leftOut);
    return isKept ? { key, from, to: bytes.length } : undefined;
  }
}

function shift({ key, from, to }: BlockPlace, by: number): BlockPlace {
  return { key, from: from + by, to: to + by };
}

/** About how many samples a block has on the page. */
function samplesOf({ type }: LedgerFamily, { metrics }: MetricBlock): number {
  if (!isCompound(type) || metrics.length === 0) return metrics.length;
  return metrics.length * sampleCount(type, metrics[0]!.current().bounds); // it is not empty
}

/** A number that says nothing of the order in which versions were given. */
function mixed(version: number): number {
  const x = Math.imul((version ^ (version / 2 ** 32)) | 0, 0x9e3779b1);
  return (x ^ (x >>> 15)) >>> 0;
}
