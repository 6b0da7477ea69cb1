/**
 * Regular expressions as PromQL has them: RE2, anchored at both ends, the dot matches line feeds as well.
 *
 * Most expressions are literals, alternatives of literals or prefixes; these need no automaton.
 */
import { RE2JS } from 're2js';

/** Whether a text matches as a whole. */
export type TextTest = (text: string) => boolean;

/** A text without any character that means something in an expression. */
const LITERAL = /^[^\\.+*?()|[\]{}^$]*$/;

/**
 * The test that a regular expression stands for.
 *
 * @throws {Error} if RE2 refuses the expression
 */
export function compileTest(expression: string): TextTest {
  if (expression === '.*') return () => true;
  if (expression === '.+') return (text) => text !== '';
  if (LITERAL.test(expression)) return (text) => text === expression;
  const alternatives = expression.split('|');
  if (alternatives.length > 1 && alternatives.every((one) => LITERAL.test(one))) {
    const set = new Set(alternatives);
    return (text) => set.has(text);
  }
  const affix = compileAffix(expression);
  if (affix !== undefined) return affix;
  const compiled = compileRegex(expression);
  return (text) => compiled.matches(text);
}

function compileAffix(expression: string): TextTest | undefined {
  const [, before = '', middle = '', after = ''] =
    /^(\.[*+])?(.*?)(\.[*+])?$/s.exec(expression) ?? [];
  if (middle === '' || !LITERAL.test(middle)) return undefined;
  const least = middle.length + (before === '.+' ? 1 : 0) + (after === '.+' ? 1 : 0);
  if (before === '') return (text) => text.length >= least && text.startsWith(middle);
  if (after === '') return (text) => text.length >= least && text.endsWith(middle);
  const from = before === '.+' ? 1 : 0;
  return (text) => {
    const at = text.indexOf(middle, from);
    return at >= 0 && (after === '.*' || text.length > at + middle.length);
  };
}

/** The automaton of an expression. */
export function compileRegex(expression: string): RE2JS {
  return RE2JS.compile(expression, RE2JS.DOTALL);
}

/** The groups of a match by number and by name. */
export interface Groups {
  readonly byNumber: readonly string[];
  readonly byName: ReadonlyMap<string, string>;
}

/** The groups of a text that matches as a whole, or undefined if the text does not match. */
export function matchGroups(compiled: RE2JS, text: string): Groups | undefined {
  const matcher = compiled.matcher(text);
  if (!matcher.matches()) return undefined;
  const byNumber: string[] = [];
  for (let group = 0; group <= matcher.groupCount(); group++)
    byNumber.push(matcher.group(group) ?? '');
  const byName = new Map<string, string>();
  for (const name of Object.keys(compiled.namedGroups()))
    byName.set(name, matcher.group(name) ?? '');
  return { byNumber, byName };
}

/**
 * Puts groups into a template: `$1`, `${1}`, `$name`, `${name}`; `$$` is a dollar sign.
 *
 * A name is as long as possible, so `$1x` is the group `1x`; groups that do not exist are empty.
 */
export function expandTemplate(template: string, groups: Groups): string {
  return template.replace(
    /\$(?:\$|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/gu,
    (all, plain: string | undefined, braced: string | undefined) => {
      if (all === '$$') return '$';
      const name = plain ?? braced ?? '';
      if (/^[0-9]+$/.test(name)) return groups.byNumber[Number(name)] ?? '';
      return groups.byName.get(name) ?? '';
    },
  );
}
