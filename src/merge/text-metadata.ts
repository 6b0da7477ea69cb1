/**
 * The HELP and TYPE lines of text 0.0.4 for families of OpenMetrics, as `text.ts` prints them.
 */
import { type FamilyType, suffixesOf } from '../exposition/grammar.ts';
import type { FamilyTable } from './families.ts';
import { type Metadata, type PageIndex, SPAN } from './page-index.ts';
import { textFamilies, textHelp } from './text.ts';

/** Lines per slice. */
const SLICE = 4_096;
const CREATED = '_created';

type Steps<T> = Generator<void, T, void>;

/** Turns lists of metadata of one merge into those of text. */
export class TextMetadata {
  readonly #families: FamilyTable;
  /** List -> the families with samples `…_created` in a page -> list of text. */
  readonly #lists = new WeakMap<readonly Metadata[], Map<string, readonly Metadata[]>>();

  constructor(families: FamilyTable) {
    this.#families = families;
  }

  /** The list of text for a page; pages with the same list share it if they have the same families. */
  *of({ metadata, spans }: PageIndex): Steps<readonly Metadata[]> {
    let lists = this.#lists.get(metadata);
    if (lists === undefined) {
      lists = new Map();
      this.#lists.set(metadata, lists);
    }
    const created = yield* this.#createdIn(spans);
    const key = [...created].join();
    let list = lists.get(key);
    if (list === undefined) {
      list = yield* this.#textOf(metadata, created);
      lists.set(key, list);
    }
    return list;
  }

  /** The families of samples `…_created`. */
  *#createdIn(spans: Int32Array): Steps<ReadonlySet<number>> {
    const created = new Set<number>();
    for (let span = 0; span < spans.length; span += SPAN) {
      const family = spans[span]!;
      if (this.#families.nameOf(family).endsWith(CREATED)) created.add(family);
      if ((span / SPAN) % SLICE === SLICE - 1) yield;
    }
    return created;
  }

  *#textOf(metadata: readonly Metadata[], created: ReadonlySet<number>): Steps<Metadata[]> {
    const types = new Map<number, FamilyType>();
    const list: Metadata[] = [];
    for (const { says, family, type } of metadata) if (says === 'type') types.set(family, type);
    for (const [at, line] of metadata.entries()) {
      if (at % SLICE === SLICE - 1) yield;
      const { says, family, type } = line;
      const name = this.#families.nameOf(family);
      for (const [printed, as] of textFamilies(name, types.get(family) ?? 'unknown')) {
        const owner = this.#families.idOf(printed);
        if (says === 'help') list.push(withTextHelp({ ...line, family: owner }));
        if (says === 'type') list.push({ ...line, family: owner, type: as });
      }
      const mayBeCreated = says === 'type' && suffixesOf(type, 'openmetrics').includes(CREATED);
      const owner = mayBeCreated ? this.#families.find(name + CREATED) : undefined;
      if (owner !== undefined && created.has(owner)) {
        list.push({ ...line, family: owner, type: 'gauge' });
      }
    }
    return list;
  }
}

function withTextHelp(line: Metadata): Metadata {
  const help = line.bytes.toString('utf8', line.from, line.to);
  const text = textHelp(help);
  if (text === help) return line;
  const bytes = Buffer.from(text);
  return { ...line, bytes, from: 0, to: bytes.length };
}
