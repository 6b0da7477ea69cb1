/** Numbers in the notation of series. */
import { DurationError, parseDuration } from '../literal/duration.ts';
import { NumberError, parseNumber } from '../literal/number.ts';
import { quoteText } from '../literal/quote.ts';
import type { SeriesTokens } from './tokens.ts';

/** Reads a number without a sign; a duration stands for its seconds. */
export function parseValue(tokens: SeriesTokens, context: string): number {
  const duration = tokens.takeIf('duration');
  const token = duration ?? tokens.expect('number', context);
  try {
    return duration === undefined ? parseNumber(token.text) : parseDuration(token.text) / 1000;
  } catch (error) {
    if (error instanceof NumberError) tokens.fail(token, `error parsing number: ${error.message}`);
    if (error instanceof DurationError) tokens.fail(token, error.message);
    throw error;
  }
}

/** Reads a whole number without a sign. */
export function parseCount(tokens: SeriesTokens, context: string): number {
  const token = tokens.expect('number', context);
  const fault = /^\d+$/.test(token.text)
    ? BigInt(token.text) < 2n ** 64n
      ? undefined
      : 'value out of range'
    : 'invalid syntax';
  if (fault === undefined) return Number(token.text);
  const go = `strconv.ParseUint: parsing ${quoteText(token.text)}: ${fault}`;
  return tokens.fail(token, `invalid repetition in series values: ${go}`);
}
