/**
 * The families of one page, which come from several tenants.
 *
 * A page has one family per name. Where tenants have families of one name and of several types, the
 * family has the type of most metrics. Samples whose names do not fit that type are families of their
 * own names, without a type; so are the samples of a family if one of these has the name of another
 * family (a gauge `h_sum` beside a histogram `h`). No sample is dropped for its type.
 *
 * A page of protobuf may have several messages of one name: there, histograms and summaries stay what
 * they are.
 */
import { type Escaping, printName } from '../../exposition/escape.ts';
import type { FamilyType } from '../../exposition/grammar.ts';
import type { LedgerFamily, MetricBlock } from '../page-source.ts';
import { type FamilyShape, type PageFormat, type PageSample, shapeOf } from './page-samples.ts';

/** How names and samples are printed. */
export interface PageStyle {
  readonly format: PageFormat;
  readonly escaping: Escaping;
}

/** Samples of the metrics of one tenant's family. */
export interface PagePart {
  readonly samples: readonly PageSample[];
  readonly family: LedgerFamily;
  /** The blocks as they were when the page began. */
  readonly blocks: readonly MetricBlock[];
}

export interface PageFamily {
  /** Escaped but not quoted. */
  readonly name: string;
  readonly type: FamilyType;
  /** The first that is not empty. */
  readonly help: string;
  readonly unit: string;
  readonly parts: readonly PagePart[];
  /** Parts of other messages of protobuf that have samples of the names of this family's. */
  readonly beside: readonly PagePart[];
}

export interface PagePlan {
  readonly style: PageStyle;
  readonly families: readonly PageFamily[];
  /** How many families are in conflict with others, by their types or by names of their samples. */
  readonly conflicts: number;
}

interface DraftFamily extends Pick<FamilyShape, 'name'> {
  type: FamilyType;
  samples: readonly PageSample[];
  help: string;
  unit: string;
  parts: PagePart[];
  readonly beside: PagePart[];
}

/** The families of one name in HELP and TYPE, by type. */
type Rivals = Map<FamilyType | undefined, Rival>;

interface Rival {
  readonly shape: FamilyShape;
  readonly families: LedgerFamily[];
  size: number;
}

/** Larger pages are not sorted: sorting would keep pushes waiting. */
const MAX_SORTED = 10_000;
/** A step of a planner takes so many families of tenants, and all of one name. */
const STEP = 256;

/** Collects the families of a page. Call `add` for each, and `finish` once. */
export class PagePlanner {
  readonly #style: PageStyle;
  /** The shape of the last family of each name. */
  readonly #shapes = new Map<
    string,
    { readonly declared: FamilyType; readonly shape: FamilyShape }
  >();
  readonly #rivals = new Map<string, Rivals>();
  readonly #drafts = new Map<string, DraftFamily>();
  #conflicts = 0;

  constructor(style: PageStyle) {
    this.#style = style;
  }

  add(family: LedgerFamily): void {
    if (family.blocks.length === 0) return;
    const shape = this.#shapeOf(family);
    let rivals = this.#rivals.get(shape.name);
    if (!rivals) {
      rivals = new Map();
      this.#rivals.set(shape.name, rivals);
    }
    const rival = rivals.get(shape.type);
    if (!rival) rivals.set(shape.type, { shape, families: [family], size: family.size });
    else {
      rival.families.push(family);
      rival.size += family.size;
    }
  }

  /** Tenants have families of the same names: each shape is made once. */
  #shapeOf(family: LedgerFamily): FamilyShape {
    const { format, escaping } = this.#style;
    const { name, type } = family;
    // Prometheus 2 gives the samples of such a message wrong names, unless the histogram is native.
    const isNative = format === 'protobuf' && type === 'gaugehistogram' && hasNative(family);
    const known = this.#shapes.get(name);
    if (known?.declared === type && !isNative) return known.shape;
    const escaped = escaping === 'allow-utf-8' ? name : printName(name, 'metric', escaping);
    const shape = shapeOf(escaped, type, format);
    if (isNative) return { ...shape, type };
    this.#shapes.set(name, { declared: type, shape });
    return shape;
  }

  /** Each step is short. @returns the plan */
  *finish(): Generator<void, PagePlan, void> {
    const loose: [PageSample, Rival][] = [];
    let steps = 0;
    for (const [name, rivals] of this.#rivals) {
      if (this.#style.format === 'protobuf') this.#settleMessages(name, rivals, loose);
      else this.#settle(name, rivals, loose);
      for (const { families } of rivals.values()) steps += families.length;
      if (steps < STEP) continue;
      steps = 0;
      yield;
    }
    for (const draft of this.#drafts.values()) {
      if (this.#isTaken(draft)) this.#dissolve(draft, loose);
      if (++steps % STEP === 0) yield;
    }
    for (let at = 0; at < loose.length; at++) {
      this.#placeLoose(...loose[at]!, loose); // `at` is below the length, which may grow
      if (++steps % STEP === 0) yield;
    }
    for (const draft of this.#drafts.values()) {
      this.#noteBeside(draft);
      if (++steps % STEP === 0) yield;
    }
    const families = [...this.#drafts.values()].filter(({ parts }) => parts.length > 0);
    if (families.length <= MAX_SORTED) families.sort((a, b) => (a.name < b.name ? -1 : 1));
    return { style: this.#style, families, conflicts: this.#conflicts };
  }

  /** Finds the type of a family. */
  #settle(name: string, rivals: Rivals, loose: [PageSample, Rival][]): void {
    const all = [...rivals.values()];
    const typed = all.filter(({ shape }) => shape.type !== undefined);
    const winner = pickWinner(name, typed, all);
    if (typed.length > 1) this.#conflicts += 1;
    if (winner) {
      const { shape } = winner;
      this.#drafts.set(name, {
        ...{ name, type: shape.type ?? 'unknown', samples: shape.samples },
        help: firstText(all, 'help'),
        unit: firstText([winner], 'unit'),
        ...{ parts: partsOf(winner, shape.samples), beside: [] },
      });
    }
    for (const rival of all) {
      if (rival === winner) continue;
      for (const sample of looseSamples(rival.shape.samples)) loose.push([sample, rival]);
    }
  }

  /** Puts single values of all types in one message, and histograms and summaries in others. */
  #settleMessages(name: string, rivals: Rivals, loose: [PageSample, Rival][]): void {
    const all = [...rivals.values()].filter(({ shape }) => shape.type !== undefined);
    const untyped = rivals.get(undefined);
    if (untyped) for (const sample of untyped.shape.samples) loose.push([sample, untyped]);
    const single = all.filter(({ shape }) => shape.samples.length === 1);
    const most = pickWinner(name, single, single);
    if (all.length > 1) this.#conflicts += 1;
    for (const rival of all) {
      if (rival !== most && single.includes(rival)) continue;
      const { shape } = rival;
      const key = rival === most ? name : `${name}\n${shape.type}`;
      const rows = rival === most ? [most, ...single.filter((one) => one !== most)] : [rival];
      this.#drafts.set(key, {
        ...{ name, type: shape.type ?? 'unknown', samples: shape.samples },
        help: firstText(all, 'help'),
        unit: firstText([rival], 'unit'),
        parts: rows.flatMap((one) => partsOf(one, shape.samples)),
        beside: all
          .slice(0, all.indexOf(rival))
          .filter((one) => rival !== most && !single.includes(one))
          .flatMap((one) => partsOf(one, one.shape.samples)),
      });
    }
  }

  /** Tells families of single values which histograms and summaries have samples of their names. */
  #noteBeside({ samples, parts }: DraftFamily): void {
    if (samples.length === 1 || this.#style.format !== 'protobuf') return;
    for (const sample of samples) {
      const other = this.#drafts.get(sample.name);
      if (other?.samples.length !== 1) continue;
      other.beside.push(...parts.map((part) => ({ ...part, samples: [sample] })));
    }
  }

  /** Whether another family has the name of one of the samples. */
  #isTaken({ name, samples }: DraftFamily): boolean {
    if (this.#style.format === 'protobuf') return false;
    return samples.some((one) => one.name !== name && this.#rivals.has(one.name));
  }

  /** Makes each sample of a family a family of its own name. */
  #dissolve(draft: DraftFamily, loose: [PageSample, Rival][]): void {
    this.#conflicts += 1;
    const families = draft.parts.map(({ family }) => family);
    const shape = { ...draft };
    for (const sample of looseSamples(draft.samples)) {
      loose.push([sample, { shape, families, size: 0 }]);
    }
    Object.assign(draft, { type: 'unknown', unit: '', parts: [] });
    draft.samples = [{ kind: 'value', name: draft.name }];
  }

  /** Puts samples in the family that has samples of their name; if there is none, in a new one. */
  #placeLoose(sample: PageSample, rival: Rival, loose: [PageSample, Rival][]): void {
    const home = this.#homeOf(sample, rival.shape.name);
    if (home && !home.samples.some(({ name }) => name === sample.name)) {
      this.#dissolve(home, loose);
    }
    const parts = partsOf(rival, [sample]);
    if (home) home.parts.push(...parts);
    else {
      const { name } = sample;
      const own: PageSample[] = [{ kind: 'value', name }];
      this.#drafts.set(name, {
        name,
        type: 'unknown',
        samples: own,
        help: '',
        unit: '',
        parts,
        beside: [],
      });
    }
  }

  /** The family that the samples came from has samples of this name, or another is called so. */
  #homeOf({ name }: PageSample, cameFrom: string): DraftFamily | undefined {
    const origin = this.#drafts.get(cameFrom);
    if (origin?.samples.some((one) => one.name === name)) return origin;
    return this.#drafts.get(name);
  }
}

/**
 * The type of most metrics. If there are samples that are called like the family itself, these must
 * fit that type: no other family can have their name.
 */
function pickWinner(
  name: string,
  typed: readonly Rival[],
  all: readonly Rival[],
): Rival | undefined {
  const has = ({ shape }: Rival): boolean => shape.samples.some((one) => one.name === name);
  const fitting = all.some(has) ? typed.filter(has) : typed;
  return fitting.toSorted(
    (a, b) => b.size - a.size || (String(a.shape.type) < String(b.shape.type) ? -1 : 1),
  )[0];
}

/** Creation times are of use only beside what was created. */
function looseSamples(samples: readonly PageSample[]): readonly PageSample[] {
  return samples.filter(({ kind }) => kind !== 'created');
}

function hasNative({ blocks }: LedgerFamily): boolean {
  return blocks[0]?.metrics[0]?.current().native !== undefined;
}

function firstText(rivals: readonly Rival[], text: 'help' | 'unit'): string {
  for (const { families } of rivals) {
    for (const family of families) if (family[text] !== '') return family[text];
  }
  return '';
}

/** Of equal series, those of clients without a token come last: the others' labels are forced. */
function partsOf({ families }: Rival, samples: readonly PageSample[]): PagePart[] {
  const part = (family: LedgerFamily): PagePart => {
    return { samples, family, blocks: family.blocks.slice() };
  };
  const last = families.filter(({ tenant }) => tenant === '');
  const first = families.filter(({ tenant }) => tenant !== '');
  return [...first, ...last].map(part);
}
