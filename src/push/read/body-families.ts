/**
 * The families of a body while its text is read: what HELP, TYPE and UNIT lines declare, and which
 * family a sample belongs to.
 *
 * A sample belongs to the family of its own name if the body has said something of it, else to a
 * family declared above it whose type has the suffix: `h_bucket` belongs to the histogram `h`.
 */
import {
  type FamilyType,
  type FormatName,
  splitSuffix,
  suffixesOf,
} from '../../exposition/grammar.ts';
import { type GaugeMode, isCompound } from '../pushed-page.ts';

/** What a sample says of its metric. */
export type Role = 'value' | 'count' | 'sum' | 'bucket' | 'quantile' | 'created' | 'stray';

/** What the lines of metadata say of the families of one name. */
export interface Declaration {
  readonly name: string;
  type: FamilyType | undefined;
  help: string | undefined;
  unit: string | undefined;
  hasSamples: boolean;
}

/** A family as `PushedFamily` has it: a counter `a` of OpenMetrics is the family `a_total`. */
export interface BodyFamily {
  readonly name: string;
  readonly declared: Declaration;
  /** From its place among the families of the body. */
  readonly number: number;
}

/** What samples of one name are. */
export interface SampleKind {
  readonly family: BodyFamily;
  readonly role: Role;
}

const ROLE_OF_SUFFIX: Readonly<Record<string, Role>> = {
  _bucket: 'bucket',
  _sum: 'sum',
  _gsum: 'sum',
  _count: 'count',
  _gcount: 'count',
  _created: 'created',
  _total: 'value',
  _info: 'value',
};

export class BodyFamilies {
  readonly families: BodyFamily[] = [];
  readonly gaugeModes = new Map<string, GaugeMode>();
  readonly #format: FormatName;
  readonly #declared = new Map<string, Declaration>();
  readonly #byName = new Map<string, BodyFamily>();
  /** Name of samples -> what these are, as long as nothing new is declared. */
  readonly #kinds = new Map<string, SampleKind>();

  constructor(format: FormatName) {
    this.#format = format;
  }

  /** How many names of families the body has said something of. */
  get size(): number {
    return this.#declared.size + this.gaugeModes.size;
  }

  /** The declaration of exactly this name. */
  declaration(name: string): Declaration {
    let declared = this.#declared.get(name);
    if (declared === undefined) {
      declared = { name, type: undefined, help: undefined, unit: undefined, hasSamples: false };
      this.#declared.set(name, declared);
    }
    return declared;
  }

  /** The declaration to which samples of this name belong. */
  ownerOf(name: string): Declaration {
    const own = this.#declared.get(name);
    if (own !== undefined) return own;
    const [base, suffix] = splitSuffix(name);
    const owner = suffix === '' ? undefined : this.#declared.get(base);
    if (owner?.type !== undefined && suffixesOf(owner.type, this.#format).includes(suffix))
      return owner;
    return this.declaration(name);
  }

  setType(declared: Declaration, type: FamilyType): void {
    declared.type = type;
    this.#kinds.clear();
  }

  /** What the samples of this name are. */
  kindOf(name: string): SampleKind {
    let kind = this.#kinds.get(name);
    if (kind === undefined) {
      kind = this.#resolve(name);
      this.#kinds.set(name, kind);
    }
    return kind;
  }

  #resolve(name: string): SampleKind {
    const declared = this.ownerOf(name);
    declared.hasSamples = true;
    const type = declared.type ?? 'unknown';
    const suffix = name.slice(declared.name.length);
    const role = suffix === '' ? ownRole(type) : ROLE_OF_SUFFIX[suffix]!; // it is one of the type's
    const named = !isCompound(type) && role === 'value' ? name : declared.name;
    return { family: this.#family(named, declared), role };
  }

  #family(name: string, declared: Declaration): BodyFamily {
    let family = this.#byName.get(name);
    if (family === undefined) {
      family = { name, declared, number: this.families.length };
      this.#byName.set(name, family);
      this.families.push(family);
    }
    return family;
  }
}

/** What a sample with the name of its family is. */
function ownRole(type: FamilyType): Role {
  if (type === 'summary') return 'quantile';
  return isCompound(type) ? 'stray' : 'value';
}
