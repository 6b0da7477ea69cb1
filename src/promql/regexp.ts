/** What the parser must know of the regular expressions in matchers: are they any, in RE2's words. */
import { RE2JS, RE2JSSyntaxException } from 're2js';

/**
 * Alternatives of literals, escaped signs and `.*`, the usual case: they need no compiler, which
 * takes a hundred times as long as the rest of the parse.
 */
const SIMPLE = /^(?:[\w \-:/,@#%&=<>!~;'"|]|\\[.\-+*?()|[\]{}^$/\\:]|\.[*+]?(?![*+?{]))*$/;

/** Why a matcher's regular expression is none, in Prometheus' words; undefined if it is one. */
export function regexpFault(pattern: string): string | undefined {
  if (!pattern.isWellFormed()) return fault('invalid UTF-8', pattern.toWellFormed());
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    return fault(error.getDescription(), error.getPattern() ?? '');
  }
}

/** What is wrong with a regular expression that is longer than may be compiled. */
export function regexpTooLarge(pattern: string): string {
  return fault('expression too large', pattern);
}

function fault(what: string, where: string): string {
  return `error parsing regexp: ${what}: \`${where}\``;
}

/** Whether a regular expression is one at first sight. */
export function isSimpleRegexp(pattern: string): boolean {
  return SIMPLE.test(pattern);
}

/** Whether a valid regular expression matches the empty text. */
export function matchesEmpty(pattern: string): boolean {
  if (!isSimpleRegexp(pattern)) return RE2JS.compile(pattern, RE2JS.DOTALL).matches('');
  const alternatives = pattern.replaceAll(/\\./g, 'x').split('|');
  return alternatives.some((alternative) => alternative.replaceAll('.*', '') === '');
}
