/** Numbers and durations among the tokens. */

import type { Token } from '../lex/token.ts';
import { DurationError, parseDuration } from '../literal/duration.ts';
import { NumberError, parseNumber } from '../literal/number.ts';
import type { NumberLiteral, Span } from '../tree.ts';
import type { Tokens } from './tokens.ts';

/** Takes the token ahead, which must be a number or a duration; durations become seconds. */
export function parseNumberLiteral(tokens: Tokens): NumberLiteral {
  const { kind } = tokens.peek();
  if (kind !== 'number' && kind !== 'duration') tokens.unexpected();
  const token = tokens.take();
  const value = kind === 'number' ? numberOf(token, tokens) : secondsOf(token, tokens);
  return numberLiteral(value, kind === 'duration', token);
}

export function numberLiteral(value: number, isDuration: boolean, span: Span): NumberLiteral {
  return Object.freeze({
    kind: 'number',
    value,
    isDuration,
    span: spanOf(span.start, span.end),
  });
}

export function spanOf(start: number, end: number): Span {
  return Object.freeze({ start, end });
}

function numberOf(token: Token, tokens: Tokens): number {
  try {
    return parseNumber(token.text);
  } catch (error) {
    if (!(error instanceof NumberError)) throw error;
    tokens.fault(token, `error parsing number: ${error.message}`);
    return 0;
  }
}

function secondsOf(token: Token, tokens: Tokens): number {
  try {
    return parseDuration(token.text) / 1000;
  } catch (error) {
    if (!(error instanceof DurationError)) throw error;
    tokens.fault(token, error.message);
    return 0;
  }
}
