/**
 * `/api/v1/rules` and `/api/v1/alerts`: the rules and alerts of the servers below, joined.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/api/#rules
 */
import { createHash } from 'node:crypto';
import { compileMatcher } from '../../promql/evaluate/match.ts';
import {
  alertJson,
  groupJson,
  joinAlerts,
  joinRules,
  type Rule,
  type RuleGroup,
} from '../../query/answers/rules.ts';
import { seenBy } from '../../query/answers/visible.ts';
import { badParameter } from '../query-errors.ts';
import type { Handler } from '../request.ts';
import { jsonAnswer } from './answer.ts';
import { type FederatedOptions, federated, remarksOf, selectorsOf } from './federated.ts';
import { flagOf, limitOf } from './parameters.ts';

export function rules(options: FederatedOptions): Handler {
  return federated(options, 'rules', async ({ parameters, scope, ask }) => {
    const keeps = filterOf(parameters);
    const page = pageOf(parameters);
    const withAlerts = !flagOf(parameters, 'exclude_alerts', false);
    const found = await ask({ path: 'rules' });
    const kept = joinRules(found.answers, seenBy(scope)).flatMap((group) => keeps(group));
    const { groups, next } = page(kept);
    const data = {
      groups: groups.map((group) => groupJson(group, withAlerts)),
      ...(next !== undefined && { groupNextToken: next }),
    };
    return jsonAnswer(data, remarksOf(found));
  });
}

export function alerts(options: FederatedOptions): Handler {
  return federated(options, 'alerts', async ({ scope, ask }) => {
    const found = await ask({ path: 'alerts' });
    const all = joinAlerts(found.answers, seenBy(scope));
    return jsonAnswer({ alerts: all.map(alertJson) }, remarksOf(found));
  });
}

/** Keeps what a reader asks for. @returns a group with the rules that fit, or none */
function filterOf(parameters: URLSearchParams): (group: RuleGroup) => readonly RuleGroup[] {
  const names = new Set(parameters.getAll('rule_name[]'));
  const groups = new Set(parameters.getAll('rule_group[]'));
  const files = new Set(parameters.getAll('file[]'));
  const type = typeOf(parameters.get('type') ?? '');
  const sets = selectorsOf(parameters).map((set) => set.map(compileMatcher));
  const fits = (rule: Rule): boolean =>
    (type === undefined || rule.type === type) &&
    (names.size === 0 || names.has(rule.name)) &&
    (sets.length === 0 ||
      sets.some((set) => set.every(({ name, matches }) => matches(rule.labels[name] ?? ''))));
  return (group) => {
    if (groups.size > 0 && !groups.has(group.name)) return [];
    if (files.size > 0 && !files.has(group.file)) return [];
    const kept = group.rules.filter(fits);
    return kept.length === 0 ? [] : [{ ...group, rules: kept }];
  };
}

function typeOf(text: string): Rule['type'] | undefined {
  switch (text.toLowerCase()) {
    case '':
      return undefined;
    case 'alert':
      return 'alerting';
    case 'record':
      return 'recording';
    default:
      throw badParameter('type', `not supported value ${JSON.stringify(text)}`);
  }
}

type Page = (groups: readonly RuleGroup[]) => {
  readonly groups: readonly RuleGroup[];
  /** Undefined on the last page. */
  readonly next?: string;
};

function pageOf(parameters: URLSearchParams): Page {
  const token = parameters.get('group_next_token') ?? '';
  const limit = limitOf(parameters, 'group_limit');
  if (limit === 0 && token !== '') {
    throw badParameter('group_limit', 'group_limit needs to be set with group_next_token');
  }
  return (groups) => {
    if (limit === 0) return { groups };
    const from = token === '' ? 0 : groups.findIndex((group) => tokenOf(group) === token);
    if (from < 0) {
      throw badParameter('group_next_token', 'its group has gone: begin with the first page again');
    }
    const next = groups[from + limit];
    return { groups: groups.slice(from, from + limit), ...(next && { next: tokenOf(next) }) };
  };
}

function tokenOf({ file, name }: RuleGroup): string {
  return createHash('sha1').update(`${file};${name}`).digest('hex');
}
