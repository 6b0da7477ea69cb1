/**
 * Asks the groups what Prometheus' API answers beside samples: series, labels, rules and all the rest.
 */
import type { Matcher, SeriesBlock } from '../promql/evaluate/storage.ts';
import { FederationError } from './failure.ts';
import { compileSets, tenantSets } from './federated-storage.ts';
import type { ApiCall, GroupAnswer, GroupAnswers, QueryScope } from './federation.ts';
import { type Gathered, gather } from './groups/gather.ts';
import type { Asked, Group } from './groups/group.ts';
import { hedge } from './groups/hedge.ts';
import {
  emptyGroup,
  failedGroup,
  type GroupFailure,
  missingReplica,
  neededFailures,
} from './groups/outcome.ts';
import type { Replica, Trace } from './groups/replica.ts';
import type { CallAnswer, ServerCall } from './groups/server.ts';
import { finalLabels } from './groups/shard.ts';
import { selectorText } from './target/selector-text.ts';

/** Questions about series, which matchers choose. */
const SELECTING = /^(?:series|labels|label\/.+\/values|query_exemplars)$/;

/** Those whose answers are made of labels. */
const OF_LABELS = /^(?:series|labels|label\/.+\/values)$/;

/** The samples of all time, for questions that name none. */
const ALWAYS = { startMs: -8.64e15, endMs: 8.64e15 };

/** Who asks for what. */
export interface Asking {
  readonly call: ApiCall;
  readonly scope: QueryScope;
  readonly trace: Trace;
  readonly nowMs: number;
}

/** @throws {FederationError} if a group fails that is needed */
export async function askGroups(groups: readonly Group[], asking: Asking): Promise<GroupAnswers> {
  const warnings = new Set<string>();
  const parts = await Promise.all(groups.map((group) => askGroup(group, asking, warnings)));
  const { needed, forgiven } = neededFailures(parts, asking.scope.partialResponse);
  for (const text of forgiven) warnings.add(text);
  if (needed !== undefined) throw new FederationError('group', needed.message, needed.options);
  return { answers: parts.flatMap(({ answers }) => answers), warnings: [...warnings] };
}

/** The shards that a call is for. */
export function askedByCall(group: Group, { call, scope, nowMs }: Omit<Asking, 'trace'>) {
  const { startMs = ALWAYS.startMs, endMs = ALWAYS.endMs } = call;
  const given = call.matchers.length === 0 ? [[]] : call.matchers;
  const sets = given.flatMap((matchers) => tenantSets(matchers, scope));
  // The start itself belongs to the range.
  const range = { afterMs: startMs - 1, untilMs: endMs };
  return group.askedBy(sets, range, nowMs);
}

async function askGroup(group: Group, asking: Asking, warnings: Set<string>) {
  const { call } = asking;
  const asked = askedByCall(group, asking);
  const failures: GroupFailure[] = group.isEmpty ? [emptyGroup(group)] : [];
  const isEach = SELECTING.test(call.path);
  // Other questions are asked once, however many selectors there are.
  const once = isEach
    ? asked
    : asked.filter(({ shard }, at) => asked.findIndex((one) => one.shard === shard) === at);
  const answers = await Promise.all(
    once.map(async (one): Promise<readonly GroupAnswer[]> => {
      const gathered = await askShard(group, asking, one);
      if (gathered.answers.length === 0) failures.push(failedGroup(group, gathered.missing));
      else for (const missing of gathered.missing) warnings.add(missingReplica(group, missing));
      return gathered.answers.map(({ answer }) => groupAnswer(group, one, asking, answer));
    }),
  );
  return { group, asked: asked.length, failures, answers: answers.flat() };
}

/** All replicas say what they have seen; other questions are for one of them. */
function askShard(
  { settings }: Group,
  { call, trace }: Asking,
  { shard, matchers }: Asked,
): Promise<Gathered<CallAnswer>> {
  // Servers know their own labels only; behind rules, the answer shows in the whole series.
  const isChanged = settings.metricsRelabel.length > 0 && OF_LABELS.test(call.path);
  const wire = wireCall(isChanged ? { ...call, path: 'series' } : call, matchers);
  const ask = (replica: Replica, inner: Trace) => replica.call(wire, inner);
  const isOfAll = SELECTING.test(call.path) || call.path === 'metadata';
  return isOfAll ? gather(shard.replicas, ask, trace) : hedge(shard.replicas, ask, trace);
}

/** The call as a server gets it. */
function wireCall(call: ApiCall, matchers: readonly Matcher[]): ServerCall {
  const parameters: [string, string][] = [];
  for (const [name, value] of Object.entries(call.parameters)) parameters.push([name, value]);
  if (SELECTING.test(call.path)) {
    const isExemplars = call.path === 'query_exemplars';
    parameters.push([isExemplars ? 'query' : 'match[]', selectorText(matchers)]);
  }
  if (call.startMs !== undefined) parameters.push(['start', String(call.startMs / 1000)]);
  if (call.endMs !== undefined) parameters.push(['end', String(call.endMs / 1000)]);
  return { path: call.path, parameters };
}

/** The labels of a group are put on by whoever joins the answers; rules that change labels hold here. */
function groupAnswer(
  { settings }: Group,
  { shard }: Asked,
  { call, scope }: Asking,
  { data, warnings, infos }: CallAnswer,
): GroupAnswer {
  const told = { group: settings.name, warnings, infos };
  if (settings.metricsRelabel.length === 0 || !OF_LABELS.test(call.path)) {
    return { ...told, labels: shard.labels, data };
  }
  const given = call.matchers.length === 0 ? [[]] : call.matchers;
  const fits = compileSets(given.flatMap((set) => tenantSets(set, scope)));
  const series = (Array.isArray(data) ? data : [])
    .map((one: Readonly<Record<string, string>>) =>
      finalLabels(Object.entries(one), shard.labels, settings),
    )
    .filter(fits);
  return { ...told, labels: {}, data: asked(call.path, series) };
}

/** What a call asks of series. */
function asked(path: string, series: readonly SeriesBlock['labels'][]): unknown {
  if (path === 'series') return series.map((labels) => Object.fromEntries(labels));
  if (path === 'labels') return [...new Set(series.flatMap((all) => all.map(([name]) => name)))];
  const label = decodeURIComponent(path.slice('label/'.length, -'/values'.length));
  const values = series.flatMap((all) => all.filter(([name]) => name === label));
  return [...new Set(values.map(([, value]) => value))];
}
