/**
 * Label sets of one evaluation: sorted by name, interned, compared by identity.
 *
 * A table lives as long as one evaluation, so its size is bounded by what that evaluation reads.
 */

/** The label that holds a metric's name. */
export const METRIC_NAME = '__name__';

/** The labels that describe the metric itself; arithmetic and functions remove them. */
const METADATA_LABELS: readonly string[] = [METRIC_NAME, '__type__', '__unit__'];

/** One label set. Two sets of one table are equal exactly if they are the same object. */
export interface Labels {
  /** In the order of their UTF-8 bytes. */
  readonly names: readonly string[];
  /** One value per name, none of them empty. */
  readonly values: readonly string[];
  /** Equal for equal sets, and for those only. */
  readonly key: string;
  /** The number of the set in its table, from 0 on. */
  readonly id: number;
}

/** The value of one label; a label that is absent has the empty value. */
export function labelValue(labels: Labels, name: string): string {
  const at = labels.names.indexOf(name);
  return at < 0 ? '' : (labels.values[at] ?? '');
}

/** Orders two texts as their UTF-8 bytes would be ordered. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left === right) continue;
    // A half of a surrogate pair stands for a code point above all others.
    const leftHigh = left >= 0xd800 && left < 0xdc00;
    const rightHigh = right >= 0xd800 && right < 0xdc00;
    if (leftHigh !== rightHigh) return leftHigh ? 1 : -1;
    return left - right;
  }
  return a.length - b.length;
}

/** Orders two label sets: name and value of the first label that differs, then their number. */
export function compareLabels(a: Labels, b: Labels): number {
  if (a.key === b.key) return 0;
  const length = Math.min(a.names.length, b.names.length);
  for (let at = 0; at < length; at++) {
    const names = compareTexts(a.names[at] ?? '', b.names[at] ?? '');
    if (names !== 0) return names;
    const values = compareTexts(a.values[at] ?? '', b.values[at] ?? '');
    if (values !== 0) return values;
  }
  return a.names.length - b.names.length;
}

const SHARDS = 256;
/** So many characters of a key tell its shard. */
const SAMPLED = 16;

function shardOf(key: string): number {
  const stride = Math.max(1, Math.floor(key.length / SAMPLED));
  let hash = key.length;
  for (let at = key.length - 1; at >= 0; at -= stride) {
    hash = (Math.imul(hash, 31) + key.charCodeAt(at)) | 0;
  }
  return (hash ^ (hash >>> 8)) & (SHARDS - 1);
}

/** Makes label sets, and gives the same object for the same set. */
export class LabelTable {
  /** Many small maps, since a map is copied as a whole when it grows. */
  readonly #sets = Array.from({ length: SHARDS }, () => new Map<string, Labels>());
  /** By the number of the set. */
  readonly #withoutMetadata: (Labels | undefined)[] = [];
  #size = 0;
  readonly empty: Labels = this.#intern([], []);

  /** The set of these pairs, in any order; pairs with an empty value are left out. */
  of(pairs: Iterable<readonly [string, string]>): Labels {
    const sorted: (readonly [string, string])[] = [];
    let inOrder = true;
    for (const pair of pairs) {
      if (pair[1] === '') continue;
      const before = sorted[sorted.length - 1];
      if (before !== undefined && compareTexts(before[0], pair[0]) >= 0) inOrder = false;
      sorted.push(pair);
    }
    if (!inOrder) sorted.sort((a, b) => compareTexts(a[0], b[0]));
    const names: string[] = [];
    const values: string[] = [];
    for (const [name, value] of sorted) {
      names.push(name);
      values.push(value);
    }
    return this.#intern(names, values);
  }

  /** The labels whose names are listed. */
  keep(labels: Labels, names: ReadonlySet<string>): Labels {
    return this.#filter(labels, (name) => names.has(name));
  }

  /** The labels whose names are not listed. */
  drop(labels: Labels, names: ReadonlySet<string>): Labels {
    return this.#filter(labels, (name) => !names.has(name));
  }

  /** The labels without the name, the type and the unit of the metric. */
  dropMetadata(labels: Labels): Labels {
    const known = this.#withoutMetadata[labels.id];
    if (known !== undefined) return known;
    const made = this.#filter(labels, (name) => !METADATA_LABELS.includes(name));
    // Written in the order of the numbers, the list stays a plain array.
    while (this.#withoutMetadata.length < labels.id) this.#withoutMetadata.push(undefined);
    this.#withoutMetadata[labels.id] = made;
    return made;
  }

  /** The set with some labels set; an empty value removes the label. */
  set(labels: Labels, changes: Iterable<readonly [string, string]>): Labels {
    const pairs = new Map<string, string>();
    labels.names.forEach((name, at) => {
      pairs.set(name, labels.values[at] ?? '');
    });
    for (const [name, value] of changes) pairs.set(name, value);
    return this.of(pairs);
  }

  #filter(labels: Labels, keeps: (name: string) => boolean): Labels {
    const names: string[] = [];
    const values: string[] = [];
    for (let at = 0; at < labels.names.length; at++) {
      const name = labels.names[at] ?? '';
      if (!keeps(name)) continue;
      names.push(name);
      values.push(labels.values[at] ?? '');
    }
    return names.length === labels.names.length ? labels : this.#intern(names, values);
  }

  #intern(names: readonly string[], values: readonly string[]): Labels {
    let key = '';
    for (let at = 0; at < names.length; at++) {
      const name = names[at] ?? '';
      const value = values[at] ?? '';
      // Lengths in front keep the key free of ambiguity whatever the values hold.
      key += `${name.length}:${name}${value.length}:${value}`;
    }
    const sets = this.#sets[shardOf(key)] as Map<string, Labels>;
    const known = sets.get(key);
    if (known !== undefined) return known;
    const made: Labels = { names, values, key, id: this.#size++ };
    sets.set(key, made);
    return made;
  }
}
