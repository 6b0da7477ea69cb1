/**
 * From a page's bytes to an index that can be spliced: indexed, told as text where that is wanted,
 * and written anew where labels stand in the way.
 *
 * Filters look at the names that the page itself has, in its own format and before any escaping.
 */
import { toBody } from '../exposition/body.ts';
import type { Escaping } from '../exposition/escape.ts';
import { type FormatName, OPENMETRICS, TEXT } from '../exposition/grammar.ts';
import { LabelNames } from '../exposition/label-names.ts';
import type { FamilyTable } from './families.ts';
import { Indexer } from './indexer.ts';
import type { PageIndex } from './page-index.ts';
import type { PageRules } from './page-rules.ts';
import { APP_LABELS, HONORABLE, INSTANCE_LABELS, type LabelConflict } from './relabel.ts';
import { rewritePage } from './rewrite.ts';
import { toText } from './text.ts';

export interface PreparationOptions {
  readonly labelConflict: LabelConflict;
  /** A page's own `job` is renamed too, since readers use `honor_labels`. */
  readonly exportJob: boolean;
  /** How names that are no legacy names are printed, in either format. */
  readonly escaping: Readonly<Record<FormatName, Escaping>>;
  /** The reader prefers OpenMetrics: it gets it if every page is in it. */
  readonly preferOpenMetrics: boolean;
  /** Default: true. See `IndexerOptions`. */
  readonly learn?: boolean;
}

/** Whose page it is. */
export type PageOf = 'instance' | 'exporter';

/** Pages of one kind look alike, and are treated alike. */
export interface PageKind {
  readonly of: PageOf;
  /** Default: none. */
  readonly rules?: PageRules | undefined;
}

interface Prepared {
  readonly page: PageIndex;
  /** The page as it came: the same unless it was written anew. */
  readonly first: PageIndex;
}

type Steps<T> = Generator<void, T, void>;

export class Preparation {
  readonly #options: PreparationOptions;
  readonly #families: FamilyTable;
  readonly #honored: readonly string[];
  /** Samples that lost their timestamp so far, since text cannot say it. */
  undated = 0;
  readonly #indexers = new Map<PageRules | undefined, Map<string, Indexer>>();

  constructor(options: PreparationOptions, families: FamilyTable) {
    this.#options = options;
    this.#families = families;
    this.#honored = options.labelConflict === 'honor' ? HONORABLE : [];
  }

  /** Forgets the layouts of pages that came before: one of them is gone, with its families. */
  forgetLayouts(): void {
    this.#indexers.clear();
  }

  /** @throws {ExpositionError} when the page is refused */
  *prepare(bytes: Buffer, format: FormatName, kind: PageKind): Steps<Prepared> {
    const first = yield* this.#indexer(kind, format, false).index(toBody(bytes));
    const text = format === 'openmetrics' && !this.#options.preferOpenMetrics;
    const page = text ? yield* this.asText(first, kind) : yield* this.#cleared(first, kind);
    return { page, first };
  }

  /**
   * A page of OpenMetrics as one of text.
   *
   * @throws {ExpositionError} when it becomes too large
   */
  *asText(page: PageIndex, kind: PageKind): Steps<PageIndex> {
    const { body, undated } = yield* toText(page, this.#families);
    this.undated += undated;
    return yield* this.#cleared(yield* this.#indexer(kind, 'text', true).index(body), kind);
  }

  /** The page without labels that stand in the way, and without names the reader cannot take. */
  *#cleared(page: PageIndex, kind: PageKind): Steps<PageIndex> {
    const { labelConflict } = this.#options;
    const escaping = this.#options.escaping[page.grammar.format];
    if (!page.clashes && (!page.quoted || escaping === 'allow-utf-8')) return page;
    const inTheWay = new Set(this.#inTheWay(kind));
    const body = yield* rewritePage(page, {
      ...{ families: this.#families, escaping, inTheWay, labelConflict },
      honored: this.#honoredIn(kind),
    });
    return yield* this.#indexer(kind, page.grammar.format, true).index(body);
  }

  /** Names of labels that are renamed or dropped. */
  #inTheWay({ of, rules }: PageKind): readonly string[] {
    const { labelConflict, exportJob } = this.#options;
    const inserted = of === 'exporter' ? APP_LABELS : INSTANCE_LABELS;
    const job = exportJob && labelConflict !== 'honor' ? ['job'] : [];
    const constants = rules?.constants.map(([name]) => name) ?? [];
    return [...inserted.filter((name) => !this.#honored.includes(name)), ...job, ...constants];
  }

  #honoredIn({ of }: PageKind): readonly string[] {
    return of === 'instance' ? this.#honored : [];
  }

  /** Pages of one kind have one layout; pages rewritten have another, and are filtered already. */
  #indexer(kind: PageKind, format: FormatName, rewritten: boolean): Indexer {
    const { of, rules } = kind;
    let indexers = this.#indexers.get(rules);
    if (indexers === undefined) {
      indexers = new Map();
      this.#indexers.set(rules, indexers);
    }
    const key = `${of} ${format} ${rewritten}`;
    let indexer = indexers.get(key);
    if (indexer === undefined) {
      const honored = this.#honoredIn(kind);
      indexer = new Indexer({
        families: this.#families,
        grammar: format === 'text' ? TEXT : OPENMETRICS,
        reserved: new LabelNames([...honored, ...this.#inTheWay(kind)]),
        honored: (1 << honored.length) - 1,
        filter: rewritten ? undefined : rules?.filter,
        learn: this.#options.learn ?? true,
      });
      indexers.set(key, indexer);
    }
    return indexer;
  }
}
