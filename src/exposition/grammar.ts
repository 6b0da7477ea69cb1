/**
 * The grammars of the two exposition formats, as tables over bytes.
 *
 * The rules follow Prometheus' own lexers: Prometheus drops a whole merged page when it refuses
 * one line. Text format 0.0.4 allows blanks around names, braces and `=`, free comments and empty
 * lines; OpenMetrics 1.0 allows none of these and demands `# EOF`.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details
 * @see https://prometheus.io/docs/specs/om/open_metrics_spec/#abnf
 */

/** Classes of a byte, as bits of `Grammar.classes`. */
export const METRIC_NAME = 1;
export const LABEL_NAME = 2;
/** Ends a run of plain bytes within a quoted string: quote, backslash, line feed. */
export const STRING_STOP = 4;
export const DIGIT = 8;
/** May stand between tokens. */
export const BLANK = 16;

export type FormatName = 'text' | 'openmetrics';

export interface Grammar {
  readonly format: FormatName;
  /** The classes of each of the 256 bytes. */
  readonly classes: Uint8Array;
  /** True for OpenMetrics: one comma between labels, single spaces, `# EOF` at the end. */
  readonly strict: boolean;
}

function classesOf(blanks: string): Uint8Array {
  const classes = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte++) {
    const char = String.fromCharCode(byte);
    if (/[a-zA-Z_]/.test(char)) classes[byte] = METRIC_NAME | LABEL_NAME;
    if (char === ':') classes[byte] = METRIC_NAME;
    if (/[0-9]/.test(char)) classes[byte] = METRIC_NAME | LABEL_NAME | DIGIT;
    if (/["\\\n]/.test(char)) classes[byte] = STRING_STOP;
    if (blanks.includes(char)) classes[byte] = BLANK;
  }
  return classes;
}

export const TEXT: Grammar = { format: 'text', classes: classesOf(' \t'), strict: false };
export const OPENMETRICS: Grammar = { format: 'openmetrics', classes: classesOf(''), strict: true };

/** The types of metric families in OpenMetrics' words; text says `untyped` for `unknown`. */
export const TYPES = [
  'unknown',
  'counter',
  'gauge',
  'histogram',
  'summary',
  'gaugehistogram',
  'info',
  'stateset',
] as const;

export type FamilyType = (typeof TYPES)[number];

const TEXT_TYPES: Readonly<Record<string, FamilyType>> = {
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
  summary: 'summary',
  untyped: 'unknown',
};

/** The type that a word in a `# TYPE` line names; `undefined` when the format has no such word. */
export function typeOf(word: string, format: FormatName): FamilyType | undefined {
  if (format === 'text') return Object.hasOwn(TEXT_TYPES, word) ? TEXT_TYPES[word] : undefined;
  return TYPES.find((type) => type === word);
}

/** The word for a type in a `# TYPE` line. */
export function wordOf(type: FamilyType, format: FormatName): string {
  return type === 'unknown' && format === 'text' ? 'untyped' : type;
}

const SUFFIXES: Readonly<Record<FormatName, Readonly<Record<FamilyType, readonly string[]>>>> = {
  text: {
    unknown: [],
    counter: [],
    gauge: [],
    histogram: ['_bucket', '_sum', '_count'],
    summary: ['_sum', '_count'],
    gaugehistogram: [],
    info: [],
    stateset: [],
  },
  openmetrics: {
    unknown: [],
    counter: ['_total', '_created'],
    gauge: [],
    histogram: ['_bucket', '_sum', '_count', '_created'],
    summary: ['_sum', '_count', '_created'],
    gaugehistogram: ['_bucket', '_gsum', '_gcount'],
    info: ['_info'],
    stateset: [],
  },
};

/** The suffixes that the names of a family's samples may add to the family's name. */
export function suffixesOf(type: FamilyType, format: FormatName): readonly string[] {
  return SUFFIXES[format][type];
}

/** Whether the bytes from `from` to `to` are a suffix of this type. */
export function isSuffix(
  bytes: Uint8Array,
  from: number,
  to: number,
  type: FamilyType,
  format: FormatName,
): boolean {
  for (const suffix of SUFFIXES[format][type]) {
    if (suffix.length === to - from && startsWith(bytes, from, suffix)) return true;
  }
  return false;
}

function startsWith(bytes: Uint8Array, from: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[from + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** Splits `http_seconds_bucket` into `http_seconds` and `_bucket`; the suffix is '' for none. */
export function splitSuffix(sampleName: string): readonly [base: string, suffix: string] {
  const at = sampleName.lastIndexOf('_');
  const suffix = at > 0 ? sampleName.slice(at) : '';
  return ANY_SUFFIX.has(suffix) ? [sampleName.slice(0, at), suffix] : [sampleName, ''];
}

const ANY_SUFFIX = new Set(Object.values(SUFFIXES.openmetrics).flat());
