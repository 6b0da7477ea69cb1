/**
 * Label sets of pushed metrics, and their canonical text, by which promgate compares them.
 */

export type Label = readonly [name: string, value: string];

/**
 * What credentials say of a place. Platforms do not name all of these in each binding: those that a
 * credential does not have are no label of anybody's body either, who could take another app's name.
 */
const PLACE: ReadonlySet<string> = new Set(
  ['organization', 'space', 'app'].flatMap((kind) => [`${kind}_id`, `${kind}_name`]),
);

const LEGACY_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/**
 * The labels as text format 0.0.4 writes them between the braces: `a="b",c="d"`.
 *
 * @param labels - sorted by name
 */
export function printLabels(labels: readonly Label[]): string {
  const parts: string[] = [];
  for (const [name, value] of labels) {
    const printed = LEGACY_NAME.test(name) ? name : `"${escapeText(name)}"`;
    parts.push(`${printed}="${escapeText(value)}"`);
  }
  return parts.join(); // one flat text; texts that are added up keep all of their parts
}

/** The labels of a text that `printLabels` made. */
export function parseLabels(text: string): Label[] {
  const found = text.matchAll(/(?:"((?:[^"\\]|\\.)*)"|([^",=]+))="((?:[^"\\]|\\.)*)"/gs);
  return [...found].map(([, quoted, plain, value]) => [
    quoted === undefined ? plain! : unescapeText(quoted), // one of the two matches
    unescapeText(value!),
  ]);
}

/** Orders labels by name, as Go orders strings: by code units where no name has a surrogate. */
export function sortLabels(labels: readonly Label[]): Label[] {
  return labels.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

export interface LabelSources {
  /** What the credential of the client says. */
  readonly forced: readonly Label[];
  /** What the path of the push says. */
  readonly path: readonly Label[];
  /** What the body of the push says. */
  readonly body: readonly Label[];
  /** Names of labels of path and body that are dropped. */
  readonly without: ReadonlySet<string>;
  /** Whether labels with an empty value stay; Prometheus takes these for labels that are not there. */
  readonly keepsEmpty: boolean;
}

/**
 * The label set of a pushed metric, sorted. Labels of the path replace labels of the body. A label of
 * path or body that the client's credential forces otherwise, or could force, is called
 * `exported_<name>`, as Prometheus renames labels of a scraped page.
 */
export function joinLabels(sources: LabelSources): Label[] {
  const { forced, path, body, without, keepsEmpty } = sources;
  const joined: Label[] = path.filter(([name]) => !without.has(name));
  for (const label of body) {
    if (!without.has(label[0]) && !hasName(path, label[0])) joined.push(label);
  }
  if (forced.length > 0) force(joined, forced);
  return sortLabels(keepsEmpty ? joined : joined.filter(([, value]) => value !== ''));
}

/** Adds forced labels, and renames those that are in their place. */
function force(joined: Label[], forced: readonly Label[]): void {
  const taken = new Set([...forced, ...joined].map(([name]) => name));
  for (const [at, [name, value]] of joined.entries()) {
    if (PLACE.has(name) || hasName(forced, name)) joined[at] = [exportedName(name, taken), value];
  }
  joined.push(...forced);
}

function hasName(labels: readonly Label[], name: string): boolean {
  for (const [other] of labels) if (other === name) return true;
  return false;
}

function exportedName(name: string, taken: Set<string>): string {
  let exported = `exported_${name}`;
  while (taken.has(exported)) exported = `exported_${exported}`;
  taken.add(exported);
  return exported;
}

/** Whether a text that `printLabels` made has all of these labels; '' stands for none. */
export function hasLabels(text: string, wanted: readonly Label[]): boolean {
  if (wanted.length === 0) return true;
  const labels = new Map(parseLabels(text));
  return wanted.every(([name, value]) => (labels.get(name) ?? '') === value);
}

function escapeText(text: string): string {
  if (!/["\\\n]/.test(text)) return text;
  return text.replace(/["\\\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}

function unescapeText(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\(.)/gs, (_, char: string) => (char === 'n' ? '\n' : char));
}
