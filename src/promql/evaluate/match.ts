/**
 * Label matchers as tests of label sets.
 */
import { compileTest, type TextTest } from './regex.ts';
import type { Matcher } from './storage.ts';

/** A matcher that is ready to be asked. */
export interface CompiledMatcher {
  readonly name: string;
  readonly matches: TextTest;
}

/** @throws {Error} if a regular expression is none */
export function compileMatcher({ name, op, value }: Matcher): CompiledMatcher {
  switch (op) {
    case '=':
      return { name, matches: (text) => text === value };
    case '!=':
      return { name, matches: (text) => text !== value };
    case '=~':
      return { name, matches: compileTest(value) };
    case '!~': {
      const test = compileTest(value);
      return { name, matches: (text) => !test(text) };
    }
  }
}
