/**
 * One merged page in the making: pages are added as they arrive, in any order, and printed in the
 * order of their places.
 */
import { setImmediate } from 'node:timers/promises';
import { ExpositionError } from '../exposition/error.ts';
import { type FormatName, OPENMETRICS } from '../exposition/grammar.ts';
import { SERIES_BYTES, SeriesOfInstance } from './duplicates.ts';
import { FamilyTable } from './families.ts';
import { FamilyShares } from './family-shares.ts';
import type { InsertedLabels } from './labels.ts';
import { indexBytes, metadataBytes, type PageIndex } from './page-index.ts';
import { planSplice, type SplicePlan } from './plan.ts';
import { type PageKind, Preparation, type PreparationOptions } from './preparation.ts';
import { type Duplicates, GivenUpError, type Settled, type TakenOut } from './settled.ts';

/** Families of all pages of a merge together. */
const MAX_FAMILIES = 200_000;
/** What the name of a family takes, about, besides its page. */
const FAMILY_BYTES = 100;

export interface MergeOptions extends PreparationOptions {
  /** So many pages may come: they share the bound on families. Default: one. */
  readonly pages?: number;
  /** Families of all pages together. Default: 200,000. */
  readonly maxFamilies?: number;
  /** Lets others have their turn, between slices of a large page. Default: `setImmediate`. */
  readonly pause?: () => Promise<void>;
  /** Nobody waits for further pages: those whose turn has not come are given up. */
  readonly givesUp?: () => boolean;
}

export interface AddedPage extends PageKind {
  /** Where it stands in the merged page; a place is used once. */
  readonly place: number;
  /** The caller gives the bytes away. */
  readonly bytes: Buffer;
  readonly format: FormatName;
  /** The labels that its samples get, the constant ones of its rules among them. */
  readonly labels: InsertedLabels;
  /**
   * Pages with the same one are of one instance: a series that several of them give is taken from
   * the first, by their places. Default: the page is the only one.
   */
  readonly instance?: object | undefined;
}

export interface AddedSamples {
  readonly samples: number;
  /** Samples that spoke in promgate's name: they are left out. */
  readonly dropped: number;
  /** Samples that its rules do not want: they are left out too. */
  readonly filtered: number;
  /** What is held for the page besides its bytes: its index, and its copy if it was written anew. */
  readonly heldBytes: number;
}

const setImmediatePause = (): Promise<void> => setImmediate();

interface Indexed extends PageKind {
  readonly page: PageIndex;
  readonly labels: InsertedLabels;
  readonly instance: object | undefined;
}

type Steps<T> = Generator<void, T, void>;

/** What is worked on to its end in any case. */
const NEVER = (): boolean => false;

export class Merge {
  readonly #options: MergeOptions;
  readonly #families: FamilyTable;
  readonly #shares: FamilyShares;
  /** Pages taken out before all were in. */
  readonly #excess: TakenOut[] = [];
  readonly #preparation: Preparation;
  readonly #pages: (Indexed | undefined)[] = [];
  /** Lists of metadata that are counted as held: pages of one layout share theirs. */
  readonly #lists = new WeakSet<readonly unknown[]>();
  /** Some instance may have several pages. */
  #grouped = false;
  /** Pages are worked on one after the other: they share the table of families. */
  #turn: Promise<unknown> | undefined;

  constructor(options: MergeOptions) {
    this.#options = options;
    const { pages = 1, maxFamilies = MAX_FAMILIES } = options;
    this.#families = new FamilyTable(Math.floor(maxFamilies / Math.max(1, pages)));
    this.#shares = new FamilyShares(maxFamilies);
    this.#preparation = new Preparation(options, this.#families);
  }

  /**
   * Adds a page when those before it are through.
   *
   * @throws {ExpositionError} when the page is refused; the merge stays as it was
   * @throws {GivenUpError} when its turn came too late
   */
  add(page: AddedPage): Promise<AddedSamples> {
    return this.#queue(this.#adding(page));
  }

  /**
   * Settles the format and who gives which series, once the pages of all instances and exporters
   * are in.
   *
   * Pages of OpenMetrics beside pages of text are turned into text; one that text cannot say
   * is taken out.
   *
   * @returns the format of the merged page, the pages taken out, and the samples dropped
   */
  settle(): Promise<Settled> {
    return this.#queue(this.#settling(), NEVER);
  }

  /** Takes a page out that was added. */
  remove(place: number): void {
    this.#pages[place] = undefined;
  }

  /**
   * @param format - as `settle` said
   * @param tail - families of promgate's own, printed behind all others
   */
  plan(format: FormatName, tail?: Buffer): Promise<SplicePlan> {
    const sources = this.#pages.filter((indexed) => indexed !== undefined);
    const plan = planSplice(sources, this.#families, { format, ...(tail && { tail }) });
    return this.#queue(plan, NEVER);
  }

  /** Runs `work` to its end in slices, after what was queued before. */
  #queue<T>(work: Steps<T>, givesUp = this.#options.givesUp): Promise<T> {
    const next = (): IteratorResult<void, T> =>
      givesUp?.() ? work.throw(new GivenUpError()) : work.next();
    let step: IteratorResult<void, T> | undefined;
    if (this.#turn === undefined) {
      // Most pages are done in one step: no queue for them.
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
      .catch(() => undefined) // the caller of `add` is told
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
      throw new ExpositionError('grammar', bytes, 0, 'no # EOF at the end');
    }
    // An empty page of text says nothing about the format of the others.
    if (bytes.length === 0) return { samples: 0, dropped: 0, filtered: 0, heldBytes: 0 };
    const known = this.#families.size;
    const { page, first } = yield* this.#preparation.prepare(bytes, format, { of, rules });
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

  /** @param known - so many families were known before the page at `newest` */
  *#takeOutExcess(newest: number, known: number): Steps<void> {
    try {
      const places = yield* this.#shares.excess(this.#pages, this.#families.size);
      for (const place of places) {
        const { bytes } = this.#pages[place]!.page.body; // those named are there
        const what = 'most metric families of all pages, which have too many together';
        this.remove(place);
        this.#excess.push({ place, error: new ExpositionError('too-large', bytes, 0, what) });
      }
      if (!places.includes(newest)) return;
      this.#preparation.forgetLayouts();
      this.#families.truncate(known); // nobody else has named them
    } catch (error) {
      this.remove(newest);
      throw error;
    }
  }

  #heldBytes(page: PageIndex, first: PageIndex, hasOthers: boolean): number {
    const copyBytes = page.body === first.body ? 0 : page.body.length + first.layoutBytes;
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

  /** Of each instance with several pages: what an earlier page has is dropped from later ones. */
  *#dropDuplicates(takenOut: TakenOut[]): Steps<Duplicates[]> {
    const duplicates: Duplicates[] = [];
    for (const places of this.#placesByInstance()) {
      const pages = places.map((place) => this.#pages[place]!); // places of pages that are there
      const series = new SeriesOfInstance(pages, this.#families);
      yield;
      if (!series.mayMeet) continue;
      for (const [at, place] of places.entries()) {
        if (this.#options.givesUp?.()) {
          if (at === 0) continue; // it has all its series in any case
          this.remove(place);
          takenOut.push({ place, error: new GivenUpError() });
          continue;
        }
        const known = pages[at]!; // one for each place
        const page = yield* series.sift(at);
        if (page === known.page) continue;
        this.#pages[place] = { ...known, page };
        duplicates.push({ place, samples: known.page.inserts.length - page.inserts.length });
      }
    }
    return duplicates;
  }

  /** Of those with several pages in the merge. */
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
