/**
 * Label sets of pushed metrics, and their canonical text, by which promgate compares them.
 */

export type Label = readonly [name: string, value: string];

const LEGACY_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/**
 * The labels as text format 0.0.4 writes them between the braces: `a="b",c="d"`.
 *
 * @param labels - sorted by name
 */
export function printLabels(labels: readonly Label[]): string {
  let text = '';
  for (const [name, value] of labels) {
    const printed = LEGACY_NAME.test(name) ? name : `"${escapeText(name)}"`;
    text += `${text === '' ? '' : ','}${printed}="${escapeText(value)}"`;
  }
  return text;
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
 * path or body that the client's credential forces otherwise is called `exported_<name>`, as
 * Prometheus renames labels of a scraped page.
 */
export function joinLabels({ forced, path, body, without, keepsEmpty }: LabelSources): Label[] {
  const sent = new Map<string, string>();
  for (const [name, value] of body) if (!without.has(name)) sent.set(name, value);
  for (const [name, value] of path) if (!without.has(name)) sent.set(name, value);
  const taken = new Set([...forced.map(([name]) => name), ...sent.keys()]);
  const joined = new Map<string, string>(forced.map(([name, value]) => [name, value]));
  for (const [name, value] of sent) {
    joined.set(joined.has(name) ? exportedName(name, taken) : name, value);
  }
  return sortLabels([...joined].filter(([, value]) => keepsEmpty || value !== ''));
}

function exportedName(name: string, taken: Set<string>): string {
  let exported = `exported_${name}`;
  while (taken.has(exported)) exported = `exported_${exported}`;
  taken.add(exported);
  return exported;
}

function escapeText(text: string): string {
  if (!/["\\\n]/.test(text)) return text;
  return text.replace(/["\\\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}

function unescapeText(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\(.)/gs, (_, char: string) => (char === 'n' ? '\n' : char));
}
