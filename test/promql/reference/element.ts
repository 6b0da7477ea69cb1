/** Elements of a vector in the slow, obvious evaluator, and their labels. */
import { Ambiguous, type Value } from './value.ts';

export type Labels = Readonly<Record<string, string>>;

/** The value of a series at one step. */
export interface Element {
  readonly labels: Labels;
  readonly value: Value;
}

export function nameless({ __name__: _, ...labels }: Labels): Labels {
  return labels;
}

export function only(labels: Labels, names: readonly string[]): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => names.includes(name)));
}

export function without(labels: Labels, names: readonly string[]): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !names.includes(name)));
}

/** A label with an empty value is none. */
export function withLabel(labels: Labels, name: string, value: string): Labels {
  return value === '' ? without(labels, [name]) : { ...labels, [name]: value };
}

/** Equal for equal label sets. */
export function keyOf(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The elements, no two of which may have equal labels. */
export function unique(elements: readonly Element[]): Element[] {
  if (new Set(elements.map(({ labels }) => keyOf(labels))).size < elements.length) {
    throw new Ambiguous();
  }
  return [...elements];
}
