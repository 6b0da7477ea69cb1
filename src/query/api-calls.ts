/**
 * Asks the groups what Prometheus' API answers beside samples: series, labels, rules and all the rest.
 */
import { everyTurn } from '../clock.ts';
import type { Matcher, SeriesBlock } from '../promql/evaluate/storage.ts';
import { labelsOf, objectsOf } from './answers/shape.ts';
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
  remarks,
} from './groups/outcome.ts';
import type { Replica, Trace } from './groups/replica.ts';
import type { CallAnswer, ServerCall } from './groups/server.ts';
import { finalLabels } from './groups/shard.ts';
import { selectorText } from './target/selector-text.ts';

/** Questions about series, which matchers choose. */
const SELECTING = /^(?:series|labels|label\/.+\/values|query_exemplars)$/;

/** Those whose answers are made of labels. */
const OF_LABELS = /^(?:series|labels|label\/.+\/values)$/;

const TURN_MS = 4;

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
  const { call, scope } = asking;
  const asked = askedByCall(group, asking);
  const failures: GroupFailure[] = group.isEmpty ? [emptyGroup(group, scope)] : [];
  const isEach = SELECTING.test(call.path);
  // Other questions are asked once, however many selectors there are.
  const once = isEach
    ? asked
    : asked.filter(({ shard }, at) => asked.findIndex((one) => one.shard === shard) === at);
  const answers = await Promise.all(
    once.map(async (one): Promise<readonly GroupAnswer[]> => {
      const gathered = await askShard(group, asking, one);
      const { missing } = gathered;
      if (gathered.answers.length === 0) failures.push(failedGroup(group, missing, scope));
      else for (const lost of missing) warnings.add(missingReplica(group, lost, scope));
      return Promise.all(
        gathered.answers.map(({ answer }) => groupAnswer(group, one, asking, answer)),
      );
    }),
  );
  return { group, asked: asked.length, failures, answers: answers.flat() };
}

/**
 * Whether the answer is made here, of whole series: servers do not know the labels that rules make, and one
 * that ignores `match[]` must not open to a tenant what it has of others.
 */
function isOfSeries({ settings }: Group, { call, scope }: Asking): boolean {
  return OF_LABELS.test(call.path) && (isChanged(settings) || scope.tenants.length > 0);
}

function isChanged({ metricsRelabel }: Group['settings']): boolean {
  return metricsRelabel.length > 0;
}

/** All replicas say what they have seen; other questions are for one of them. */
function askShard(
  group: Group,
  asking: Asking,
  { shard, matchers }: Asked,
): Promise<Gathered<CallAnswer>> {
  const { call, trace } = asking;
  const asked = isOfSeries(group, asking) ? seriesCall(group, call) : call;
  const wire = wireCall(asked, matchers);
  const ask = (replica: Replica, inner: Trace) => replica.call(wire, inner);
  const isOfAll = SELECTING.test(call.path) || call.path === 'metadata';
  return isOfAll ? gather(shard.replicas, ask, trace) : hedge(shard.replicas, ask, trace);
}

/** A limit would count series that become one, or that have one value in common. */
function seriesCall({ settings }: Group, call: ApiCall): ApiCall {
  if (call.path === 'series' && !isChanged(settings)) return call;
  const { limit: _, ...parameters } = call.parameters;
  return { ...call, path: 'series', parameters };
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
async function groupAnswer(
  group: Group,
  { shard }: Asked,
  asking: Asking,
  { data, warnings, infos }: CallAnswer,
): Promise<GroupAnswer> {
  const { scope } = asking;
  const answer = {
    ...{ group: group.settings.name, labels: shard.labels, data },
    warnings: remarks(group, warnings, scope),
    infos: remarks(group, infos, scope),
  };
  if (!isOfSeries(group, asking)) return answer;
  return { ...answer, labels: {}, data: await ofSeries(answer, group, asking) };
}

/** What a call asks of the series that the reader may see. */
async function ofSeries(
  answer: GroupAnswer,
  { settings }: Group,
  { call, scope }: Asking,
): Promise<readonly unknown[]> {
  const given = call.matchers.length === 0 ? [[]] : call.matchers;
  const fits = compileSets(given.flatMap((set) => tenantSets(set, scope)));
  const pick = pickOf(call);
  const pace = everyTurn(TURN_MS);
  const found = new Set<unknown>();
  for (const one of objectsOf(answer, answer.data, 'series')) {
    const own = Object.entries(labelsOf(answer, one));
    const labels = finalLabels(own, answer.labels, settings);
    if (fits(labels)) for (const item of pick(labels)) found.add(item);
    const turn = pace();
    if (turn !== undefined) await turn;
  }
  return [...found];
}

function pickOf({ path, label }: ApiCall): (labels: SeriesBlock['labels']) => readonly unknown[] {
  if (path === 'series') return (labels) => [Object.fromEntries(labels)];
  if (path === 'labels') return (labels) => labels.map(([name]) => name);
  const wanted = label ?? decodeURIComponent(path.slice('label/'.length, -'/values'.length));
  return (labels) => labels.filter(([name]) => name === wanted).map(([, value]) => value);
}
