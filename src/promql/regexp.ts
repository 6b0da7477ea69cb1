/** What the parser must know of the regular expressions in matchers: are they any, and RE2's words. */
import { RE2JS, RE2JSSyntaxException } from 're2js';

/** Alternatives of literals, the usual case: such an expression needs no compiler. */
const LITERALS = /^[\w \-:/,@#%&=<>!~;'"|]*$/;

/**
 * Why a matcher's regular expression is none.
 *
 * @returns Prometheus' words, or undefined if the expression is one
 */
export function regexpFault(pattern: string): string | undefined {
  if (LITERALS.test(pattern)) return undefined;
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    return `error parsing regexp: ${error.getDescription()}: \`${error.getPattern() ?? ''}\``;
  }
}

/** Whether a valid regular expression matches the empty text. */
export function matchesEmpty(pattern: string): boolean {
  if (LITERALS.test(pattern)) return pattern.split('|').includes('');
  return RE2JS.compile(pattern, RE2JS.DOTALL).matches('');
}
