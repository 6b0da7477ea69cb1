/**
 * Prepares a page for splicing: indexes it, converts it to text if the reader wants text, and
 * rewrites it if its labels clash with inserted labels or the reader does not accept its names.
 *
 * Name filters see the page's own names, in its own format and before any escaping.
 */
import { type Body, toBody } from '../exposition/body.ts';
import type { Escaping } from '../exposition/escape.ts';
import { type FormatName, OPENMETRICS, TEXT } from '../exposition/grammar.ts';
import { LabelNames } from '../exposition/label-names.ts';
import type { FamilyTable } from './families.ts';
import { Indexer } from './indexer.ts';
import { type PageIndex, RENAME } from './page-index.ts';
import type { PageRules } from './page-rules.ts';
import { APP_LABELS, HONORABLE, INSTANCE_LABELS, type LabelConflict } from './relabel.ts';
import { rewritePage } from './rewrite.ts';
import { toText } from './text.ts';

export interface PreparationOptions {
  readonly labelConflict: LabelConflict;
  /** Whether a page's own `job` counts as a clash too, since readers use `honor_labels`. */
  readonly exportJob: boolean;
  /** The escaping scheme for UTF-8 names, in each format. */
  readonly escaping: Readonly<Record<FormatName, Escaping>>;
  /** Whether the reader prefers OpenMetrics; it gets text unless all pages are OpenMetrics. */
  readonly preferOpenMetrics: boolean;
  /** Default: true. See `IndexerOptions`. */
  readonly scan?: boolean;
}

/**
 * The source of a page: an app instance, or an external exporter; `unlabelled` is an instance whose
 * samples get no labels of promgate.
 */
export type PageOf = 'instance' | 'exporter' | 'unlabelled';

/** Pages of one kind are similar and get the same treatment. */
export interface PageKind {
  readonly of: PageOf;
  /** Default: none. */
  readonly rules?: PageRules | undefined;
  /**
   * Pages with the same object are of one instance: of a series that several of them have, the
   * merge keeps the samples of the first place. Default: the page is its instance's only page.
   */
  readonly instance?: object | undefined;
}

/** `as-text`: OpenMetrics whose lines become those of text by edits. */
type Way = 'as-is' | 'as-text' | 'rewritten';

interface Prepared {
  readonly page: PageIndex;
  /** The index of the page as it came; the same as `page` unless the page was rewritten. */
  readonly first: PageIndex;
}

type Steps<T> = Generator<void, T, void>;

export class Preparation {
  readonly #options: PreparationOptions;
  readonly #families: FamilyTable;
  readonly #honored: readonly string[];
  /** The number of samples so far whose timestamp was dropped because text cannot express it. */
  undated = 0;
  readonly #indexers = new Map<PageRules | undefined, Map<string, Indexer>>();

  constructor(options: PreparationOptions, families: FamilyTable) {
    this.#options = options;
    this.#families = families;
    this.#honored = options.labelConflict === 'honor' ? HONORABLE : [];
  }

  /** Forgets the families of pages so far. Call it when families were removed from the table. */
  forgetFamilies(): void {
    this.#indexers.clear();
  }

  /**
   * Prepares a page, in slices.
   *
   * @param bytes - nobody may write to these bytes after the call
   * @throws {ExpositionError} when the page is refused
   */
  *prepare(bytes: Buffer, format: FormatName, kind: PageKind): Steps<Prepared> {
    const body = toBody(bytes);
    const text = format === 'openmetrics' && !this.#options.preferOpenMetrics;
    if (text) {
      const page = yield* this.#index(body, kind, format, 'as-text');
      if (!page.timestamped && !this.#wantsRewrite(page)) return { page, first: page };
    }
    const first = yield* this.#index(body, kind, format, 'as-is');
    const page = text ? yield* this.asText(first, kind) : yield* this.#withoutClashes(first, kind);
    return { page, first };
  }

  /**
   * Converts a page of OpenMetrics to text.
   *
   * @throws {ExpositionError} when the text is refused, e.g. as too large
   */
  *asText(page: PageIndex, kind: PageKind): Steps<PageIndex> {
    const { body, undated } = yield* toText(page, this.#families);
    this.undated += undated;
    const text = yield* this.#index(body, kind, 'text', 'rewritten');
    return yield* this.#withoutClashes(text, kind);
  }

  /** Rewrites the page if labels clash, or if it has names that the reader does not accept. */
  *#withoutClashes(page: PageIndex, kind: PageKind): Steps<PageIndex> {
    if (!this.#wantsRewrite(page)) return page;
    const { labelConflict } = this.#options;
    const escaping = this.#options.escaping[page.grammar.format];
    const clashing = new Set(this.#clashing(kind));
    const body = yield* rewritePage(page, {
      ...{ families: this.#families, escaping, clashing, labelConflict },
      honored: this.#honoredIn(kind),
    });
    return yield* this.#index(body, kind, page.grammar.format, 'rewritten');
  }

  #wantsRewrite({ clashes, quoted, grammar }: PageIndex): boolean {
    return clashes || (quoted && this.#options.escaping[grammar.format] !== 'allow-utf-8');
  }

  /** The names of labels that a rewrite renames or drops. */
  #clashing({ of, rules }: PageKind): readonly string[] {
    const { labelConflict, exportJob } = this.#options;
    const constants = rules?.constants.map(([name]) => name) ?? [];
    if (of === 'unlabelled') return constants;
    const inserted = of === 'exporter' ? APP_LABELS : INSTANCE_LABELS;
    const job = exportJob && labelConflict !== 'honor' ? ['job'] : [];
    return [...inserted.filter((name) => !this.#honored.includes(name)), ...job, ...constants];
  }

  /** Whether `exported_` is what a clash needs, and no inserted label begins with it. */
  #renames(kind: PageKind): boolean {
    const { labelConflict } = this.#options;
    const isPrefixed = (name: string): boolean => name.startsWith(RENAME.toString());
    return labelConflict === 'exported' && !this.#clashing(kind).some(isPrefixed);
  }

  #honoredIn({ of }: PageKind): readonly string[] {
    return of === 'instance' ? this.#honored : [];
  }

  #index(body: Body, kind: PageKind, format: FormatName, how: Way): Steps<PageIndex> {
    return this.#indexer(kind, format, how).index(body, kind.instance !== undefined);
  }

  /** The indexer for pages alike. Rewritten pages are filtered already. */
  #indexer(kind: PageKind, format: FormatName, how: Way): Indexer {
    const { of, rules } = kind;
    let indexers = this.#indexers.get(rules);
    if (indexers === undefined) {
      indexers = new Map();
      this.#indexers.set(rules, indexers);
    }
    const key = `${of} ${format} ${how}`;
    let indexer = indexers.get(key);
    if (indexer === undefined) {
      const honored = this.#honoredIn(kind);
      indexer = new Indexer({
        families: this.#families,
        grammar: format === 'text' ? TEXT : OPENMETRICS,
        reserved: new LabelNames([...honored, ...this.#clashing(kind)]),
        honored: (1 << honored.length) - 1,
        filter: how === 'rewritten' ? undefined : rules?.filter,
        renames: this.#renames(kind),
        asText: how === 'as-text',
        scan: this.#options.scan ?? true,
      });
      indexers.set(key, indexer);
    }
    return indexer;
  }
}
