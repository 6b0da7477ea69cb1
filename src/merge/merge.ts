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
import type { PageIndex } from './page-index.ts';
import { planSplice, type SplicePlan } from './plan.ts';
import { APP_LABELS, HONORABLE, INSTANCE_LABELS, type LabelConflict } from './relabel.ts';
import { rewritePage } from './rewrite.ts';
import { toText } from './text.ts';

export interface MergeOptions {
  readonly labelConflict: LabelConflict;
  /** A page's own `job` is renamed too, since readers use `honor_labels`. */
  readonly exportJob: boolean;
  /** How names that are no legacy names are printed. */
  readonly escaping: Escaping;
  /** The reader prefers OpenMetrics: it gets it if every page is in it. */
  readonly preferOpenMetrics: boolean;
  /** Standard: true. See `IndexerOptions`. */
  readonly learn?: boolean;
  /** Lets others have their turn, between slices of a large page. Standard: `setImmediate`. */
  readonly pause?: () => Promise<void>;
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
}

const setImmediatePause = (): Promise<void> => setImmediate();

interface Indexed {
  readonly page: PageIndex;
  readonly of: PageOf;
  readonly labels: InsertedLabels;
}

type Steps<T> = Generator<void, T, void>;

export class Merge {
  readonly #options: MergeOptions;
  readonly #honored: readonly string[];
  readonly #families = new FamilyTable();
  readonly #indexers = new Map<string, Indexer>();
  readonly #pages: (Indexed | undefined)[] = [];
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
   * @returns the format of the merged page, and the places of the pages taken out
   */
  settle(): Promise<{ readonly format: FormatName; readonly refused: readonly number[] }> {
    return this.#queue(this.#settling());
  }

  /**
   * @param format - as `settle` said
   * @param tail - families of promgate's own, printed behind all others
   */
  plan(format: FormatName, tail?: Buffer): Promise<SplicePlan> {
    const sources = this.#pages.filter((indexed) => indexed !== undefined);
    return this.#queue(planSplice(sources, this.#families, { format, ...(tail && { tail }) }));
  }

  /** Runs `work` to its end in slices, after what was queued before. */
  #queue<T>(work: Generator<void, T, void>): Promise<T> {
    const result = this.#turn ? this.#turn.then(() => this.#run(work)) : this.#run(work);
    const turn = result
      .catch(() => undefined) // the caller of `add` is told
      .then(() => {
        if (this.#turn === turn) this.#turn = undefined;
      });
    this.#turn = turn;
    return result;
  }

  async #run<T>(work: Generator<void, T, void>): Promise<T> {
    const { pause = setImmediatePause } = this.#options;
    let step = work.next();
    while (!step.done) {
      await pause();
      step = work.next();
    }
    return step.value;
  }

  *#adding({ place, of, bytes, format, labels }: AddedPage): Steps<AddedSamples> {
    const first = yield* this.#indexer(of, format, false).index(toBody(bytes));
    const text = format === 'openmetrics' && !this.#options.preferOpenMetrics;
    const told = text ? yield* this.#asText(first, of) : first;
    const page = yield* this.#cleared(told, of);
    this.#pages[place] = { page, of, labels };
    const dropped = first.dropped + (page === first ? 0 : page.dropped);
    return { samples: page.inserts.length, dropped };
  }

  *#settling(): Steps<{ readonly format: FormatName; readonly refused: readonly number[] }> {
    const pages = this.#pages.filter((indexed) => indexed !== undefined);
    const openMetrics = pages.filter(({ page }) => page.grammar === OPENMETRICS).length;
    if (openMetrics === 0) return { format: 'text', refused: [] };
    if (openMetrics === pages.length) return { format: 'openmetrics', refused: [] };
    const refused: number[] = [];
    for (const [place, indexed] of this.#pages.entries()) {
      if (indexed?.page.grammar !== OPENMETRICS) continue;
      try {
        const page = yield* this.#cleared(
          yield* this.#asText(indexed.page, indexed.of),
          indexed.of,
        );
        this.#pages[place] = { ...indexed, page };
      } catch (error) {
        if (!(error instanceof ExpositionError)) throw error;
        this.#pages[place] = undefined;
        refused.push(place);
      }
    }
    return { format: 'text', refused };
  }

  *#asText(page: PageIndex, of: PageOf): Steps<PageIndex> {
    const body = yield* toText(page, this.#families);
    return yield* this.#indexer(of, 'text', true).index(body);
  }

  /** The page without labels that stand in the way, and without names the reader cannot take. */
  *#cleared(page: PageIndex, of: PageOf): Steps<PageIndex> {
    const { escaping, labelConflict } = this.#options;
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
