/** The printer: a tree as Prometheus writes it; `parse(print(tree))` is the same tree. */
import { printDuration } from './literal/duration.ts';
import { printFixed, printGeneral, printNumber } from './literal/number.ts';
import { quoteText } from './literal/quote.ts';
import { METRIC_NAME } from './parse/selector.ts';
import type {
  Aggregation,
  AtModifier,
  Binary,
  Duration,
  DurationTerm,
  Expression,
  Matcher,
  NumberLiteral,
  RangeSelector,
  Subquery,
  VectorMatching,
  VectorSelector,
} from './tree.ts';

/** Names that need no quotes. */
const PLAIN_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Writes an expression in one line. */
export function print(expr: Expression): string {
  switch (expr.kind) {
    case 'aggregation': {
      const param = expr.param === undefined ? '' : `${print(expr.param)}, `;
      return `${printAggregationHead(expr)}(${param}${print(expr.expr)})`;
    }
    case 'binary':
      return `${print(expr.left)} ${printOperator(expr)} ${print(expr.right)}`;
    case 'call':
      return `${expr.name}(${expr.args.map(print).join(', ')})`;
    case 'number':
      return printLiteral(expr);
    case 'parenthesized':
      return `(${print(expr.expr)})`;
    case 'range-selector':
      return printRange(expr);
    case 'string':
      return quoteText(expr.value);
    case 'subquery':
      return `${print(expr.expr)}${printSubqueryTail(expr)}`;
    case 'unary':
      return `${expr.op}${print(expr.expr)}`;
    case 'vector-selector':
      return printSelector(expr);
  }
}

/** An aggregation up to its arguments: `sum by (a, b) `. */
export function printAggregationHead({ op, grouping, without }: Aggregation): string {
  if (without) return `${op} without (${printLabels(grouping)}) `;
  return grouping.length > 0 ? `${op} by (${printLabels(grouping)}) ` : op;
}

/** An operator with its modifiers. */
export function printOperator({ op, returnBool, matching }: Binary): string {
  return `${op}${returnBool ? ' bool' : ''}${matching === undefined ? '' : printMatching(matching)}`;
}

function printMatching(matching: VectorMatching): string {
  const { cardinality, on, labels, include, fillLeft, fillRight } = matching;
  const hasGroup = cardinality === 'many-to-one' || cardinality === 'one-to-many';
  let text = '';
  if (labels.length > 0 || on || hasGroup) {
    text += ` ${on ? 'on' : 'ignoring'} (${printLabels(labels)})`;
  }
  if (hasGroup) {
    const side = cardinality === 'many-to-one' ? 'left' : 'right';
    text += ` group_${side} (${printLabels(include)})`;
  }
  if (fillLeft !== undefined && fillLeft === fillRight) {
    return `${text} fill (${printGeneral(fillLeft)})`;
  }
  if (fillLeft !== undefined) text += ` fill_left (${printGeneral(fillLeft)})`;
  if (fillRight !== undefined) text += ` fill_right (${printGeneral(fillRight)})`;
  return text;
}

function printLabels(labels: readonly string[]): string {
  return labels.map(printName).join(', ');
}

function printName(name: string): string {
  return PLAIN_NAME.test(name) ? name : quoteText(name);
}

function printLiteral({ value, isDuration }: NumberLiteral): string {
  return isDuration ? printDuration(value * 1000) : printNumber(value);
}

/** Writes a vector selector with its modifiers. */
function printSelector(selector: VectorSelector): string {
  const { bounds, at, offset } = selector;
  return `${printSeries(selector)}${printAt(at)}${printBounds(bounds)}${printOffset(offset)}`;
}

function printRange({ selector, range }: RangeSelector): string {
  const { bounds, at, offset } = selector;
  const brackets = `[${printDurationOf(range)}]`;
  const modifiers = `${printBounds(bounds)}${printAt(at)}${printOffset(offset)}`;
  return `${printSeries(selector)}${brackets}${modifiers}`;
}

/** What stands behind the expression of a subquery: `[5m:1m] @ 1.000 offset 5m`. */
export function printSubqueryTail({ range, step, at, offset }: Subquery): string {
  const printedStep = step === 0 ? '' : printDurationOf(step);
  return `[${printDurationOf(range)}:${printedStep}]${printAt(at)}${printOffset(offset)}`;
}

function printSeries({ name, matchers }: VectorSelector): string {
  const printed: string[] = [];
  for (const matcher of matchers) {
    if (!isName(matcher, name)) printed.push(printMatcher(matcher));
  }
  // Prometheus writes nothing for empty braces, the second argument of `info`, and cannot read it.
  if (printed.length === 0) return name === '' ? '{}' : name;
  return `${name}{${printed.sort(compareBytes).join(',')}}`;
}

/** Whether a matcher says what the name before the braces says. */
function isName({ name, op, value }: Matcher, metric: string): boolean {
  return name === METRIC_NAME && op === '=' && value === metric && value !== '';
}

function compareBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

/** Writes a matcher as it stands in braces. */
function printMatcher({ name, op, value }: Matcher): string {
  return `${printName(name)}${op}${quoteText(value)}`;
}

function printBounds(bounds: VectorSelector['bounds']): string {
  return bounds === 'plain' ? '' : ` ${bounds}`;
}

function printAt(at: AtModifier | undefined): string {
  if (at === undefined) return '';
  return typeof at === 'number' ? ` @ ${printFixed(at / 1000, 3)}` : ` @ ${at}()`;
}

function printOffset(offset: Duration): string {
  return offset === 0 ? '' : ` offset ${printDurationOf(offset)}`;
}

function printDurationOf(duration: Duration): string {
  return typeof duration === 'number' ? printDuration(duration) : printTerm(duration);
}

/** Writes a term of a duration expression. */
function printTerm(term: DurationTerm): string {
  if (term.kind === 'number') return printLiteral(term);
  const text = printBareTerm(term);
  return term.wrapped ? `(${text})` : text;
}

function printBareTerm(term: Exclude<DurationTerm, NumberLiteral>): string {
  switch (term.kind) {
    case 'duration-binary':
      return `${printTerm(term.left)} ${term.op} ${printTerm(term.right)}`;
    case 'duration-unary':
      return `${term.op === '-' ? '-' : ''}${printTerm(term.term)}`;
    case 'duration-call':
      return `${term.name}(${term.args.map(printTerm).join(', ')})`;
  }
}
