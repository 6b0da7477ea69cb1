/**
 * One merged page in the making: pages are added as they arrive, in any order, and printed in the
 * order of their places.
 */
import { setImmediate } from 'node:timers/promises';
import { toBody } from '../exposition/body.ts';
import { ExpositionError } from '../exposition/error.ts';
import type { Escaping } from '../exposition/escape.ts';
import { type FormatName, OPENMETRICS, TEXT } from '../exposition/grammar.ts';
import { LabelNames } from '../exposition/series.ts';
import { FamilyTable } from './families.ts';
import { Indexer } from './index.ts';
import type { InsertedLabels } from './labels.ts';
import { indexBytes, metadataBytes, type PageIndex } from './page-index.ts';
import { planSplice, type SplicePlan } from './plan.ts';
import { APP_LABELS, HONORABLE, INSTANCE_LABELS, type LabelConflict } from './relabel.ts';
import { rewritePage } from './rewrite.ts';
import { toText } from './text.ts';

export interface MergeOptions {
  readonly labelConflict: LabelConflict;
  /** A page's own `job` is renamed too, since readers use `honor_labels`. */
  readonly exportJob: boolean;
  /** How names that are no legacy names are printed, in either format. */
  readonly escaping: Readonly<Record<FormatName, Escaping>>;
  /** The reader prefers OpenMetrics: it gets it if every page is in it. */
  readonly preferOpenMetrics: boolean;
  /** Standard: true. See `IndexerOptions`. */
  readonly learn?: boolean;
  /** Lets others have their turn, between slices of a large page. Standard: `setImmediate`. */
  readonly pause?: () => Promise<void>;
  /** Nobody waits for further pages: those whose turn has not come are given up. */
  readonly givesUp?: () => boolean;
}

/** Whose page it is. */
export type PageOf = 'instance' | 'exporter';

export interface AddedPage {
  /** Where it stands in the merged page; a place is used once. */
  readonly place: number;
  readonly of: PageOf;
  /** The caller gives the bytes away. */
  readonly bytes: Buffer;
  readonly format: FormatName;
  /** The labels that its samples get. */
  readonly labels: InsertedLabels;
}

export interface AddedSamples {
  readonly samples: number;
  /** Samples that spoke in promgate's name: they are left out. */
  readonly dropped: number;
  /** What is held for the page besides its bytes: its index, and its copy if it was written anew. */
  readonly heldBytes: number;
}

/** A page was not merged, since nobody waits for it any more. */
export class GivenUpError extends Error {
  override readonly name = 'GivenUpError';

  constructor() {
    super('no time was left to merge it');
  }
}

/** Pages taken out of a merge, and why: text cannot say them, or they were given up. */
export interface TakenOut {
  readonly place: number;
  readonly error: ExpositionError | GivenUpError;
}

const setImmediatePause = (): Promise<void> => setImmediate();

interface Indexed {
  readonly page: PageIndex;
  readonly of: PageOf;
  readonly labels: InsertedLabels;
}

type Steps<T> = Generator<void, T, void>;

/** What is worked on to its end in any case. */
const NEVER = (): boolean => false;

export class Merge {
  readonly #options: MergeOptions;
  readonly #honored: readonly string[];
  readonly #families = new FamilyTable();
  readonly #indexers = new Map<string, Indexer>();
  readonly #pages: (Indexed | undefined)[] = [];
  /** Lists of metadata that are counted as held: pages of one layout share theirs. */
  readonly #lists = new WeakSet<readonly unknown[]>();
  /** Pages are worked on one after the other: they share the table of families. */
  #turn: Promise<unknown> | undefined;

  constructor(options: MergeOptions) {
    this.#options = options;
    this.#honored = options.labelConflict === 'honor' ? HONORABLE : [];
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
   * Settles the format, once the pages of all instances and exporters are in.
   *
   * Pages of OpenMetrics beside pages of text are turned into text; one that text cannot say
   * is taken out.
   *
   * @returns the format of the merged page, and the pages taken out
   */
  settle(): Promise<{ readonly format: FormatName; readonly takenOut: readonly TakenOut[] }> {
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

  *#adding({ place, of, bytes, format, labels }: AddedPage): Steps<AddedSamples> {
    // Prometheus takes an empty page of any type; it says nothing about the format of the others.
    if (bytes.length === 0) return { samples: 0, dropped: 0, heldBytes: 0 };
    const first = yield* this.#indexer(of, format, false).index(toBody(bytes));
    const text = format === 'openmetrics' && !this.#options.preferOpenMetrics;
    const told = text ? yield* this.#asText(first, of) : first;
    const page = yield* this.#cleared(told, of);
    this.#pages[place] = { page, of, labels };
    const dropped = first.dropped + (page === first ? 0 : page.dropped);
    return { samples: page.inserts.length, dropped, heldBytes: this.#heldBytes(page, first) };
  }

  #heldBytes(page: PageIndex, first: PageIndex): number {
    const copyBytes = page === first ? 0 : page.body.length;
    const shares = this.#lists.has(page.metadata);
    this.#lists.add(page.metadata);
    return indexBytes(page) + copyBytes + (shares ? 0 : metadataBytes(page));
  }

  *#settling(): Steps<{ readonly format: FormatName; readonly takenOut: readonly TakenOut[] }> {
    const pages = this.#pages.filter((indexed) => indexed !== undefined);
    const openMetrics = pages.filter(({ page }) => page.grammar === OPENMETRICS).length;
    if (openMetrics === 0) return { format: 'text', takenOut: [] };
    if (openMetrics === pages.length) return { format: 'openmetrics', takenOut: [] };
    const takenOut: TakenOut[] = [];
    for (const [place, indexed] of this.#pages.entries()) {
      if (indexed?.page.grammar !== OPENMETRICS) continue;
      try {
        if (this.#options.givesUp?.()) throw new GivenUpError();
        const page = yield* this.#cleared(
          yield* this.#asText(indexed.page, indexed.of),
          indexed.of,
        );
        this.#pages[place] = { ...indexed, page };
      } catch (error) {
        if (!(error instanceof ExpositionError || error instanceof GivenUpError)) throw error;
        this.remove(place);
        takenOut.push({ place, error });
      }
    }
    return { format: 'text', takenOut };
  }

  *#asText(page: PageIndex, of: PageOf): Steps<PageIndex> {
    const body = yield* toText(page, this.#families);
    return yield* this.#indexer(of, 'text', true).index(body);
  }

  /** The page without labels that stand in the way, and without names the reader cannot take. */
  *#cleared(page: PageIndex, of: PageOf): Steps<PageIndex> {
    const { labelConflict } = this.#options;
    const escaping = this.#options.escaping[page.grammar.format];
    if (!page.clashes && (!page.quoted || escaping === 'allow-utf-8')) return page;
    const inTheWay = new Set(this.#inTheWay(of));
    const body = yield* rewritePage(page, {
      ...{ families: this.#families, escaping, inTheWay, labelConflict },
      honored: this.#honoredIn(of),
    });
    return yield* this.#indexer(of, page.grammar.format, true).index(body);
  }

  /** Names of labels that are renamed or dropped. */
  #inTheWay(of: PageOf): readonly string[] {
    const { labelConflict, exportJob } = this.#options;
    const inserted = of === 'exporter' ? APP_LABELS : INSTANCE_LABELS;
    const job = exportJob && labelConflict !== 'honor' ? ['job'] : [];
    return [...inserted.filter((name) => !this.#honored.includes(name)), ...job];
  }

  #honoredIn(of: PageOf): readonly string[] {
    return of === 'instance' ? this.#honored : [];
  }

  /** Pages of one kind have one layout; pages rewritten have another. */
  #indexer(of: PageOf, format: FormatName, rewritten: boolean): Indexer {
    const key = `${of} ${format} ${rewritten}`;
    let indexer = this.#indexers.get(key);
    if (indexer === undefined) {
      const honored = this.#honoredIn(of);
      indexer = new Indexer({
        families: this.#families,
        grammar: format === 'text' ? TEXT : OPENMETRICS,
        reserved: new LabelNames([...honored, ...this.#inTheWay(of)]),
        honored: (1 << honored.length) - 1,
        learn: this.#options.learn ?? true,
      });
      this.#indexers.set(key, indexer);
    }
    return indexer;
  }
}
