/** Matchers as the text of a selector. */

import type { Matcher } from '../../promql/evaluate/storage.ts';
import { quoteText } from '../../promql/literal/quote.ts';

const PLAIN_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** @returns `{__name__="up",job=~"a|b"}`; of no matchers a selector of all series */
export function selectorText(matchers: readonly Matcher[]): string {
  const parts = matchers.map(({ name, op, value }) => {
    return `${PLAIN_NAME.test(name) ? name : quoteText(name)}${op}${quoteText(value)}`;
  });
  // Servers refuse selectors that may match the series without labels.
  const isBounded = matchers.some(
    ({ op, value }) => (op === '=' && value !== '') || (op === '!=' && value === ''),
  );
  if (!isBounded) parts.push('__name__!=""');
  return `{${parts.join(',')}}`;
}
