/**
 * The answers to `rules` and `alerts`, joined: groups of rules with the same file and name become one
 * group, and the alerts of the same rule one list.
 */
import type { GroupAnswer } from '../federation.ts';
import {
  type Json,
  keyOf,
  type LabelSet,
  labelsOf,
  membersOf,
  numberOf,
  objectsOf,
  textOf,
  withGroupLabels,
} from './shape.ts';
import type { Sees } from './visible.ts';

export interface Alert {
  readonly labels: LabelSet;
  readonly rest: Json;
}

export interface Rule {
  readonly type: 'alerting' | 'recording';
  readonly name: string;
  readonly labels: LabelSet;
  readonly rest: Json;
  readonly alerts: readonly Alert[];
}

export interface RuleGroup {
  readonly name: string;
  readonly file: string;
  readonly rest: Json;
  readonly rules: readonly Rule[];
}

/** The states of a rule, the gravest last. */
const STATES = ['unknown', 'inactive', 'pending', 'firing'];
const HEALTHS = ['ok', 'unknown', 'err'];

/** @throws {AnswerShapeError} */
export function joinRules(answers: readonly GroupAnswer[], sees: Sees): readonly RuleGroup[] {
  const groups = new Map<string, RuleGroup>();
  for (const answer of answers) {
    for (const group of membersOf(answer, 'groups')) {
      const name = textOf(group['name']);
      const file = textOf(group['file']);
      const rules = rulesOf(answer, group, sees);
      if (rules.length === 0) continue;
      const key = JSON.stringify([file, name]);
      const known = groups.get(key);
      groups.set(key, {
        ...{ name, file, rest: known?.rest ?? group },
        rules: known === undefined ? rules : mergeRules(known.rules, rules),
      });
    }
  }
  return [...groups.values()].sort((a, b) => compare(a.file, b.file) || compare(a.name, b.name));
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** A rule is seen if its own labels, or those of one of its alerts, may be seen. */
function rulesOf(answer: GroupAnswer, group: Json, sees: Sees): readonly Rule[] {
  return objectsOf(answer, group['rules'], 'rules').flatMap((rule) => {
    const labels = withGroupLabels(answer, labelsOf(answer, rule['labels']));
    if (!sees(labels)) return [];
    const alerts = objectsOf(answer, rule['alerts'], 'alerts').map((alert) =>
      readAlert(answer, alert),
    );
    const type = rule['type'] === 'recording' ? 'recording' : 'alerting';
    return [
      {
        type,
        name: textOf(rule['name']),
        labels,
        rest: rule,
        alerts: alerts.filter(({ labels: own }) => sees(own)),
      } as const,
    ];
  });
}

function readAlert(answer: GroupAnswer, alert: Json): Alert {
  return { labels: withGroupLabels(answer, labelsOf(answer, alert['labels'])), rest: alert };
}

function mergeRules(a: readonly Rule[], b: readonly Rule[]): readonly Rule[] {
  const rules = new Map(a.map((rule) => [identity(rule), rule]));
  for (const rule of b) {
    const known = rules.get(identity(rule));
    rules.set(identity(rule), known === undefined ? rule : mergeRule(known, rule));
  }
  return [...rules.values()];
}

function identity({ type, name, labels, rest }: Rule): string {
  return JSON.stringify([type, name, rest['query'], rest['duration'], keyOf(labels)]);
}

function mergeRule(a: Rule, b: Rule): Rule {
  const worse = (key: string, order: readonly string[]): unknown =>
    order.indexOf(textOf(a.rest[key])) >= order.indexOf(textOf(b.rest[key]))
      ? a.rest[key]
      : b.rest[key];
  const rest = {
    ...a.rest,
    health: worse('health', HEALTHS),
    lastError: textOf(a.rest['lastError']) || textOf(b.rest['lastError']),
    evaluationTime: Math.max(
      numberOf(a.rest['evaluationTime']),
      numberOf(b.rest['evaluationTime']),
    ),
    ...(a.rest['state'] !== undefined && { state: worse('state', STATES) }),
  };
  return { ...a, rest, alerts: oncePerLabels([...a.alerts, ...b.alerts]) };
}

function oncePerLabels(alerts: readonly Alert[]): readonly Alert[] {
  const known = new Map<string, Alert>();
  for (const alert of alerts) {
    const key = keyOf(alert.labels);
    if (!known.has(key)) known.set(key, alert);
  }
  return [...known.values()];
}

/** All alerts that may be seen, each once. @throws {AnswerShapeError} */
export function joinAlerts(answers: readonly GroupAnswer[], sees: Sees): readonly Alert[] {
  const alerts = answers.flatMap((answer) =>
    membersOf(answer, 'alerts').map((alert) => readAlert(answer, alert)),
  );
  return oncePerLabels(alerts.filter(({ labels }) => sees(labels)));
}

/** An alert as the API writes it. */
export function alertJson({ labels, rest }: Alert): Json {
  return { ...rest, labels };
}

/** A group as the API writes it, with the alerts of its rules or without. */
export function groupJson({ rest, rules }: RuleGroup, withAlerts: boolean): Json {
  return {
    ...rest,
    rules: rules.map((rule) => ({
      ...rule.rest,
      ...(hasLabels(rule) && { labels: rule.labels }),
      ...(rule.type === 'alerting' && { alerts: withAlerts ? rule.alerts.map(alertJson) : [] }),
    })),
  };
}

/** Prometheus leaves the labels of some rules out that have none. */
function hasLabels({ labels, rest }: Rule): boolean {
  return Object.keys(labels).length > 0 || rest['labels'] !== undefined;
}
