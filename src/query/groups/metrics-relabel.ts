/**
 * Relabelling of series on their way to the reader, and its reverse: what to ask a server for.
 *
 * The reverse may ask for more than is wanted, never for less: whoever reads tests the labels again.
 */

import { compileMatcher } from '../../promql/evaluate/match.ts';
import type { Matcher } from '../../promql/evaluate/storage.ts';
import type { MetricsRelabelRule } from './settings.ts';

/** Applies rules to labels, in their order. */
export function relabelSeries(
  labels: Map<string, string>,
  rules: readonly MetricsRelabelRule[],
): void {
  for (const { action, sourceLabel, targetLabel } of rules) {
    if (action === 'labeldrop') labels.delete(sourceLabel);
    else {
      const source = labels.get(sourceLabel) ?? '';
      const value = changed(action, source);
      if (value === '') labels.delete(targetLabel);
      else labels.set(targetLabel, value);
    }
  }
}

function changed(action: Exclude<MetricsRelabelRule['action'], 'labeldrop'>, text: string): string {
  if (action === 'lowercase') return text.toLowerCase();
  return action === 'uppercase' ? text.toUpperCase() : text;
}

/**
 * Matchers that all series fulfil whose labels, once changed by the rules, fulfil the given ones.
 *
 * @returns undefined if no series can
 */
export function reverseMatchers(
  matchers: readonly Matcher[],
  rules: readonly MetricsRelabelRule[],
): readonly Matcher[] | undefined {
  let asked = matchers;
  for (const rule of rules.toReversed()) {
    const before: Matcher[] = [];
    for (const matcher of asked) {
      const reversed = reverseOne(matcher, rule);
      if (reversed === 'none') return undefined;
      if (reversed !== 'any') before.push(reversed);
    }
    asked = before;
  }
  return asked;
}

/** The matcher before a rule; `any` if the rule leaves nothing to ask for, `none` if nothing can match. */
function reverseOne(matcher: Matcher, rule: MetricsRelabelRule): Matcher | 'any' | 'none' {
  const { action, sourceLabel, targetLabel } = rule;
  if (action === 'labeldrop') {
    if (matcher.name !== sourceLabel) return matcher;
    return compileMatcher(matcher).matches('') ? 'any' : 'none';
  }
  if (matcher.name !== targetLabel) return matcher;
  if (action === 'replace') return { ...matcher, name: sourceLabel };
  if (matcher.op !== '=') return 'any';
  if (matcher.value === '') return { ...matcher, name: sourceLabel };
  if (changed(action, matcher.value) !== matcher.value) return 'none';
  return { name: sourceLabel, op: '=~', value: `(?i:${escapeRegex(matcher.value)})` };
}

function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
