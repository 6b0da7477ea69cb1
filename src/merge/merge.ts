/**
 * One merge: collects pages as they arrive, in any order, and plans the merged page in the order of
 * their places.
 */
import { setImmediate } from 'node:timers/promises';
import { ExpositionError } from '../exposition/error.ts';
import { type FormatName, OPENMETRICS } from '../exposition/grammar.ts';
import { Roots, SERIES_BYTES, SeriesOfInstance } from './duplicates.ts';
import { FamilyTable } from './families.ts';
import { FamilyShares } from './family-shares.ts';
import type { InsertedLabels } from './labels.ts';
import { indexBytes, metadataBytes, type PageIndex } from './page-index.ts';
import { planSplice, type SplicePlan } from './plan.ts';
import { type PageKind, Preparation, type PreparationOptions } from './preparation.ts';
import { type Duplicates, GivenUpError, type Settled, type TakenOut } from './settled.ts';

/** Default bound on the families of all pages of a merge together. */
const MAX_FAMILIES = 200_000;
/** The memory of a family's name, about, in bytes. */
const FAMILY_BYTES = 100;

export interface MergeOptions extends PreparationOptions {
  /** The number of pages that may come and share the bound on families. Default: 1. */
  readonly pages?: number;
  /** Bound on the families of all pages together. Default: 200,000. */
  readonly maxFamilies?: number;
  /** Matches the names that pages must not have, since `tail` has them. Default: promgate's own. */
  readonly ownFamilies?: RegExp | undefined;
  /** Lets the process do other work between the slices of a page. Default: `setImmediate`. */
  readonly pause?: () => Promise<void>;
  /** True once the merge shall give up all pages that it has not yet indexed. Default: never. */
  readonly givesUp?: () => boolean;
}

export interface AddedPage extends PageKind {
  /** The page's place in the order of the merged page, from 0; each place is used once. */
  readonly place: number;
  /** Nobody may write to these bytes after `add`. */
  readonly bytes: Buffer;
  readonly format: FormatName;
  /** The labels that the page's samples get, with the constant labels of its rules. */
  readonly labels: InsertedLabels;
}

export interface AddedSamples {
  /** Samples kept. */
  readonly samples: number;
  /** Samples dropped because they have the name of one of promgate's own families. */
  readonly dropped: number;
  /** Samples dropped by the page's name filter. */
  readonly filtered: number;
  /** Memory held besides the page's bytes: its index, and its copy if the page was rewritten. */
  readonly heldBytes: number;
}

const setImmediatePause = (): Promise<void> => setImmediate();

interface Indexed extends PageKind {
  readonly page: PageIndex;
  readonly labels: InsertedLabels;
}

type Steps<T> = Generator<void, T, void>;

/** `givesUp` of steps that always run to their end. */
const NEVER = (): boolean => false;

export class Merge {
  readonly #options: MergeOptions;
  readonly #families: FamilyTable;
  readonly #shares: FamilyShares;
  /** Pages removed because the merge had too many families. */
  readonly #excess: TakenOut[] = [];
  readonly #preparation: Preparation;
  readonly #pages: (Indexed | undefined)[] = [];
  /** Lists of metadata that `heldBytes` has counted: pages with the same lines share a list. */
  readonly #lists = new WeakSet<readonly unknown[]>();
  /** Whether an instance may have several pages. */
  #grouped = false;
  /** The end of the queued work. Pages wait for each other, as they share the table of families. */
  #turn: Promise<unknown> | undefined;

  constructor(options: MergeOptions) {
    this.#options = options;
    const { pages = 1, maxFamilies = MAX_FAMILIES, ownFamilies } = options;
    this.#families = new FamilyTable(Math.floor(maxFamilies / Math.max(1, pages)), ownFamilies);
    this.#shares = new FamilyShares(maxFamilies);
    this.#preparation = new Preparation(options, this.#families);
  }

  /**
   * Adds a page, after the pages that were added before.
   *
   * @throws {ExpositionError} when the page is refused; the merge stays unchanged
   * @throws {GivenUpError} when `givesUp` is true before the page is indexed
   */
  add(page: AddedPage): Promise<AddedSamples> {
    return this.#queue(this.#adding(page));
  }

  /**
   * Settles the format of the merged page and drops duplicate series. Call it once all pages are
   * added.
   *
   * If some pages are text, pages of OpenMetrics are converted to text; a page whose conversion
   * fails is removed.
   *
   * @returns the format of the merged page, the removed pages, and the numbers of samples dropped
   */
  settle(): Promise<Settled> {
    return this.#queue(this.#settling(), NEVER);
  }

  /** Removes a page that was added. */
  remove(place: number): void {
    this.#pages[place] = undefined;
  }

  /**
   * Plans the merged page. Call it after `settle`.
   *
   * @param format - as `settle` returned
   * @param tail - promgate's own families, printed after all others
   */
  plan(format: FormatName, tail?: Buffer): Promise<SplicePlan> {
    const sources = this.#pages.filter((indexed) => indexed !== undefined);
    const plan = planSplice(sources, this.#families, { format, ...(tail && { tail }) });
    return this.#queue(plan, NEVER);
  }

  /** Runs `work` to its end in slices, after all work that was queued before. */
  #queue<T>(work: Steps<T>, givesUp = this.#options.givesUp): Promise<T> {
    const next = (): IteratorResult<void, T> =>
      givesUp?.() ? work.throw(new GivenUpError()) : work.next();
    let step: IteratorResult<void, T> | undefined;
    if (this.#turn === undefined) {
      // Most pages need one step, and so no queue.
      try {
        step = next();
      } catch (error) {
        return Promise.reject(error);
      }
      if (step.done) return Promise.resolve(step.value);
    }
    const run = (): Promise<T> => this.#run(next, step);
    const result = this.#turn ? this.#turn.then(run) : run();
    const turn = result
      .catch(() => undefined) // the caller of `add` gets the error
      .then(() => {
        if (this.#turn === turn) this.#turn = undefined;
      });
    this.#turn = turn;
    return result;
  }

  async #run<T>(
    next: () => IteratorResult<void, T>,
    begun: IteratorResult<void, T> | undefined,
  ): Promise<T> {
    const { pause = setImmediatePause } = this.#options;
    let step = begun ?? next();
    while (!step.done) {
      await pause();
      step = next();
    }
    return step.value;
  }

  *#adding(added: AddedPage): Steps<AddedSamples> {
    const { place, of, bytes, format, labels, rules, instance } = added;
    if (bytes.length === 0 && format === 'openmetrics') {
      throw new ExpositionError('grammar', bytes, 0, 'the page does not end in # EOF');
    }
    // An empty page must not turn the others into text.
    if (bytes.length === 0) return { samples: 0, dropped: 0, filtered: 0, heldBytes: 0 };
    const known = this.#families.size;
    const { page, first } = yield* this.#preparation.prepare(bytes, format, {
      of,
      rules,
      instance,
    });
    this.#pages[place] = { page, of, labels, rules, instance };
    if (instance !== undefined) this.#grouped = true;
    const addedFamilies = this.#families.size - known;
    yield* this.#takeOutExcess(place, known);
    return {
      samples: page.inserts.length,
      dropped: first.dropped + (page === first ? 0 : page.dropped),
      filtered: first.filtered,
      heldBytes:
        this.#heldBytes(page, first, instance !== undefined) + addedFamilies * FAMILY_BYTES,
    };
  }

  /**
   * Removes pages if all pages together have too many families.
   *
   * @param newest - the place of the page added last
   * @param known - the number of families before that page
   */
  *#takeOutExcess(newest: number, known: number): Steps<void> {
    try {
      const places = yield* this.#shares.excess(this.#pages, this.#families.size);
      for (const place of places) {
        const { bytes } = this.#pages[place]!.page.body; // `excess` names added pages
        const what = 'all pages together have too many metric families, and this page the most';
        this.remove(place);
        this.#excess.push({ place, error: new ExpositionError('too-large', bytes, 0, what) });
      }
      if (!places.includes(newest)) return;
      this.#preparation.forgetFamilies();
      this.#families.truncate(known); // no other page has these families
    } catch (error) {
      this.remove(newest);
      throw error;
    }
  }

  #heldBytes(page: PageIndex, first: PageIndex, hasOthers: boolean): number {
    const copyBytes = page.body === first.body ? 0 : page.body.length;
    const seriesBytes = hasOthers ? page.inserts.length * SERIES_BYTES : 0;
    const shares = this.#lists.has(page.metadata);
    this.#lists.add(page.metadata);
    return indexBytes(page) + copyBytes + seriesBytes + (shares ? 0 : metadataBytes(page));
  }

  *#settling(): Steps<Settled> {
    const takenOut = [...this.#excess];
    const format = yield* this.#settleFormat(takenOut);
    const duplicates = this.#grouped ? yield* this.#dropDuplicates(takenOut) : [];
    return { format, takenOut, duplicates, undated: this.#preparation.undated };
  }

  *#settleFormat(takenOut: TakenOut[]): Steps<FormatName> {
    const pages = this.#pages.filter((indexed) => indexed !== undefined);
    const openMetrics = pages.filter(({ page }) => page.grammar === OPENMETRICS).length;
    if (openMetrics === 0) return 'text';
    if (openMetrics === pages.length) return 'openmetrics';
    for (const [place, indexed] of this.#pages.entries()) {
      if (indexed?.page.grammar !== OPENMETRICS) continue;
      try {
        if (this.#options.givesUp?.()) throw new GivenUpError();
        const page = yield* this.#preparation.asText(indexed.page, indexed);
        this.#pages[place] = { ...indexed, page };
      } catch (error) {
        if (!(error instanceof ExpositionError || error instanceof GivenUpError)) throw error;
        this.remove(place);
        takenOut.push({ place, error });
      }
    }
    return 'text';
  }

  /** For each instance with several pages: drops series of earlier pages from later pages. */
  *#dropDuplicates(takenOut: TakenOut[]): Steps<Duplicates[]> {
    const duplicates: Duplicates[] = [];
    const roots = new Roots(this.#families);
    for (const places of this.#placesByInstance()) {
      const pages = places.map((place) => this.#pages[place]!); // only places of pages in the merge
      const series = new SeriesOfInstance(pages, roots);
      yield;
      if (!series.mayMeet) continue;
      for (const [at, place] of places.entries()) {
        if (this.#options.givesUp?.()) {
          if (at === 0) continue; // the first page keeps all its series
          this.remove(place);
          takenOut.push({ place, error: new GivenUpError() });
          continue;
        }
        const known = pages[at]!; // `pages` has a page for each place
        const page = yield* series.sift(at);
        if (page === known.page) continue;
        this.#pages[place] = { ...known, page };
        duplicates.push({ place, samples: known.page.inserts.length - page.inserts.length });
      }
    }
    return duplicates;
  }

  /** The places of each instance's pages, for instances with several pages. */
  #placesByInstance(): readonly (readonly number[])[] {
    const places = new Map<object, number[]>();
    for (const [place, indexed] of this.#pages.entries()) {
      if (indexed?.instance === undefined) continue;
      const others = places.get(indexed.instance);
      if (others) others.push(place);
      else places.set(indexed.instance, [place]);
    }
    return [...places.values()].filter(({ length }) => length > 1);
  }
}
