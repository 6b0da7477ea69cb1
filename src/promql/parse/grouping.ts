/** Lists of labels in parentheses: behind `by`, `without`, `on`, `ignoring`, `group_left`. */
import { unquote } from '../lex/string.ts';
import { isLabelName } from '../lex/token.ts';
import { quoteText } from '../literal/quote.ts';
import type { Context, Tokens } from './tokens.ts';

const OPEN: Context = { name: 'grouping opts', expected: '"("' };
const NEXT: Context = { name: 'grouping opts', expected: '"," or ")"' };
const LABEL: Context = { name: 'grouping opts', expected: 'label' };

/** Reads a list; a comma may end it. */
export function parseGrouping(tokens: Tokens): readonly string[] {
  const labels: string[] = [];
  tokens.enter(OPEN);
  tokens.expect('(');
  tokens.leave();
  while (tokens.peek().kind !== ')') {
    labels.push(parseLabel(tokens));
    if (tokens.peek().kind === ')') break;
    tokens.enter(NEXT);
    tokens.expect(',');
    tokens.leave();
  }
  tokens.take();
  return Object.freeze(labels);
}

function parseLabel(tokens: Tokens): string {
  const { kind } = tokens.peek();
  if (kind !== 'string' && !isLabelName(kind)) {
    tokens.enter(LABEL);
    tokens.unexpected();
  }
  const token = tokens.take();
  const label = kind === 'string' ? unquote(token.text) : token.text;
  // A lone surrogate stands for a byte that is no UTF-8.
  if (label === '' || !label.isWellFormed()) {
    tokens.fault(token, `invalid label name for grouping: ${quoteText(label)}`);
  }
  return label;
}
