/** The tokens of PromQL: their kinds, the keywords, and how messages name them. */
import { quoteText } from '../literal/quote.ts';

/** Operators and aggregations are the kinds of themselves: `==`, `and`, `sum`. */
const OPERATORS = [
  ...(['+', '-', '*', '/', '%', '^', '==', '!=', '<=', '<', '>=', '>', '</', '>/'] as const),
  ...(['=~', '!~', '@', 'and', 'or', 'unless', 'atan2'] as const),
];
const AGGREGATIONS = [
  ...(['sum', 'avg', 'count', 'min', 'max', 'group', 'stddev', 'stdvar', 'topk'] as const),
  ...(['bottomk', 'count_values', 'quantile', 'limitk', 'limit_ratio'] as const),
];
const MODIFIERS = [
  ...(['offset', 'smoothed', 'anchored', 'by', 'without', 'on', 'ignoring', 'bool'] as const),
  ...(['group_left', 'group_right', 'fill', 'fill_left', 'fill_right'] as const),
];
/** Words that stand for a part of the query's time, and the two functions of durations. */
const TIMES = ['start', 'end', 'step', 'range', 'max_of', 'min_of'] as const;

type Keyword =
  | (typeof AGGREGATIONS)[number]
  | (typeof MODIFIERS)[number]
  | (typeof TIMES)[number]
  | ('and' | 'or' | 'unless' | 'atan2');

export type TokenKind =
  | (typeof OPERATORS)[number]
  | Keyword
  | ('(' | ')' | '{' | '}' | '[' | ']' | ',' | ':' | '=')
  | ('identifier' | 'metric-identifier' | 'string' | 'number' | 'duration')
  | ('eof' | 'error');

export interface Token {
  readonly kind: TokenKind;
  /** As written; the message of an error. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const KEYWORDS: ReadonlyMap<string, TokenKind> = new Map<string, TokenKind>([
  ...[...AGGREGATIONS, ...MODIFIERS, ...TIMES].map((word): [string, TokenKind] => [word, word]),
  ['and', 'and'],
  ['or', 'or'],
  ['unless', 'unless'],
  ['atan2', 'atan2'],
  ['inf', 'number'],
  ['nan', 'number'],
]);

/** The kind of a word that is a keyword, in any case; `inf` and `nan` are numbers. */
export function keywordOf(word: string): TokenKind | undefined {
  return KEYWORDS.get(word) ?? KEYWORDS.get(word.toLowerCase());
}

const operators: ReadonlySet<TokenKind> = new Set(OPERATORS);
const aggregations: ReadonlySet<TokenKind> = new Set(AGGREGATIONS);
const modifiers: ReadonlySet<TokenKind> = new Set(MODIFIERS);
const times: ReadonlySet<TokenKind> = new Set(TIMES);

const NAMED: Partial<Record<TokenKind, string>> = {
  identifier: 'identifier',
  'metric-identifier': 'metric identifier',
  string: 'string',
  number: 'number',
  duration: 'duration',
};
/** Messages show so many bytes of a token, or its first characters if it has more. */
const SHOWN = 10;

/** Names a token as messages do: `identifier "x"`, `<op:+>`, `<by>`, `","`. */
export function describeToken({ kind, text }: Token): string {
  if (kind === 'eof') return 'end of input';
  if (operators.has(kind)) return `<op:${text}>`;
  if (aggregations.has(kind)) return `<aggr:${text}>`;
  if (modifiers.has(kind)) return `<${text}>`;
  const name = NAMED[kind];
  if (kind === 'identifier' || kind === 'metric-identifier') return `${name} ${quoteText(text)}`;
  const shown = shorten(text);
  return name === undefined ? shown : `${name} ${shown}`;
}

/** The first characters of a token in quotes, as messages show them. */
export function shorten(text: string): string {
  if (Buffer.byteLength(text) <= SHOWN) return quoteText(text);
  const first = Array.from(text.slice(0, 2 * SHOWN)).slice(0, SHOWN);
  return `${quoteText(first.join(''))}...`;
}

/** Whether a token may be the name of a metric outside braces. */
export function isMetricName(kind: TokenKind): boolean {
  return METRIC_NAMES.has(kind);
}

/** Whether a token may be a label's name in a list such as that of `by`. */
export function isLabelName(kind: TokenKind): boolean {
  return LABEL_NAMES.has(kind);
}

export function isAggregation(kind: TokenKind): boolean {
  return aggregations.has(kind);
}

/** Whether an expression may begin with a token. */
export function mayBeginExpression(kind: TokenKind): boolean {
  return METRIC_NAMES.has(kind) || BEGINNINGS.has(kind);
}

export function isTimeWord(kind: TokenKind): boolean {
  return times.has(kind);
}

const BEGINNINGS: ReadonlySet<TokenKind> = new Set([
  ...(['number', 'duration', 'string', '(', '{', '+', '-'] as const),
]);
const NO_METRIC: ReadonlySet<string> = new Set([
  ...['bool', 'on', 'ignoring', 'group_left', 'group_right'],
]);
const WORDS: readonly TokenKind[] = ['identifier', 'metric-identifier'];
const SETS: readonly TokenKind[] = ['and', 'or', 'unless'];
const METRIC_NAMES: ReadonlySet<TokenKind> = new Set([
  ...[...WORDS, ...SETS, ...AGGREGATIONS, ...TIMES],
  ...MODIFIERS.filter((word) => !NO_METRIC.has(word)),
]);
const LABEL_NAMES: ReadonlySet<TokenKind> = new Set<TokenKind>([
  ...[...WORDS, ...SETS, ...AGGREGATIONS, ...TIMES, 'atan2' as const],
  ...MODIFIERS.filter((word) => word !== 'without'),
]);
