/**
 * The answers to `targets`, `scrape_pools` and `alertmanagers`, joined.
 */
import type { GroupAnswer } from '../federation.ts';
import {
  isObject,
  type Json,
  labelsOf,
  membersOf,
  numberOf,
  objectsOf,
  textOf,
  withGroupLabels,
} from './shape.ts';
import type { Sees } from './visible.ts';

interface Targets {
  readonly activeTargets: readonly Json[];
  readonly droppedTargets: readonly Json[];
  readonly droppedTargetCounts: Readonly<Record<string, number>>;
}

/** @param withDropped - dropped targets have no labels by which one could tell whose they are */
export function joinTargets(
  answers: readonly GroupAnswer[],
  sees: Sees,
  withDropped: boolean,
): Targets {
  const activeTargets: Json[] = [];
  const droppedTargets: Json[] = [];
  const droppedTargetCounts: Record<string, number> = {};
  for (const answer of answers) {
    for (const target of membersOf(answer, 'activeTargets')) {
      const labels = withGroupLabels(answer, labelsOf(answer, target['labels']));
      if (sees(labels)) activeTargets.push({ ...target, labels });
    }
    if (!withDropped) continue;
    // There may be more than a call takes arguments.
    for (const target of membersOf(answer, 'droppedTargets')) droppedTargets.push(target);
    const counts = isObject(answer.data) ? answer.data['droppedTargetCounts'] : undefined;
    for (const [pool, count] of Object.entries(isObject(counts) ? counts : {})) {
      droppedTargetCounts[pool] = (droppedTargetCounts[pool] ?? 0) + numberOf(count);
    }
  }
  return { activeTargets, droppedTargets, droppedTargetCounts };
}

/** What the targets say of their metrics. */
export function joinTargetMetadata(answers: readonly GroupAnswer[], sees: Sees): readonly Json[] {
  return answers.flatMap((answer) =>
    objectsOf(answer, answer.data, 'metadata').flatMap((one) => {
      const target = withGroupLabels(answer, labelsOf(answer, one['target']));
      return sees(target) ? [{ ...one, target }] : [];
    }),
  );
}

/** The names of the scrape pools, each once. */
export function joinScrapePools(answers: readonly GroupAnswer[]): readonly string[] {
  const pools = answers.flatMap(({ data }) => (isObject(data) ? data['scrapePools'] : []));
  return [...new Set(pools.map(textOf))].filter((pool) => pool !== '').sort();
}

interface Alertmanagers {
  readonly activeAlertmanagers: readonly Json[];
  readonly droppedAlertmanagers: readonly Json[];
}

/** Each Alertmanager once, by its address. */
export function joinAlertmanagers(answers: readonly GroupAnswer[]): Alertmanagers {
  const of = (name: string): readonly Json[] => {
    const urls = answers.flatMap((answer) => membersOf(answer, name).map(({ url }) => textOf(url)));
    return [...new Set(urls)].sort().map((url) => ({ url }));
  };
  return {
    activeAlertmanagers: of('activeAlertmanagers'),
    droppedAlertmanagers: of('droppedAlertmanagers'),
  };
}
