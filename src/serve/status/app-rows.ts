/**
 * `GET /status/apps`: the apps that the reader may see, searched and in pages; and
 * `GET /status/apps/<guid>`: the instances of one of them.
 *
 * Instances are looked up in the route table when they are answered, and filtered by guid as everywhere:
 * an app outside the reader's scope is answered as if it did not exist.
 */
import { normalizeGuid } from '../../../broker/guid.ts';
import { everyTurn, takeSteps } from '../../clock.ts';
import type { AppIdentity } from '../../discover/app-identity.ts';
import type { Instance } from '../../discover/instance.ts';
import { distinctInstances, type Lookup, ofProcess } from '../../discover/select.ts';
import type { SettingsOf } from '../app-settings.ts';
import { Problem } from '../errors.ts';
import type { Handler } from '../request.ts';
import { type Scope, sees } from '../scope.ts';
import { answerJson } from './answer-json.ts';
import type { AppDirectory } from './directory.ts';
import { failureOf, type Result, type ScrapeHistory } from './history.ts';
import { REASONS } from './reasons.ts';
import { SLOT_SECONDS, SLOTS, slotOf } from './rings.ts';
import { parsePage, parseSearch, searchApps } from './search.ts';

export interface AppRowsOptions {
  readonly table: Pick<Lookup, 'byApp'>;
  readonly directory: AppDirectory;
  readonly history: ScrapeHistory;
  readonly settingsOf: SettingsOf;
  /** Whether the route table counts as complete. */
  readonly tableKnown: () => boolean;
  /** Seconds since 1970 that only go forward: the clock of the history. */
  readonly nowSeconds: () => number;
  /** Seconds since 1970 by the system's clock, which browsers compare with their own. */
  readonly systemSeconds: () => number;
}

const TURN_MS = 4;

/** The path of one app; the guid is its first group. */
export const APP_PATH = /^\/status\/apps\/([0-9a-f-]{36})$/i;

/** Answers `/status/apps`. */
export function listApps(options: AppRowsOptions): Handler {
  const { directory, history } = options;
  return async (ctx) => {
    const search = parseSearch(ctx.state.target.query);
    const { scope } = ctx.state;
    const apps = await directory.apps();
    const found = await searchApps(
      { apps, scope, downOf: (appId) => history.downOf(appId) },
      search,
    );
    answerJson(ctx, {
      known: options.tableKnown(),
      counts: found.counts,
      offset: search.offset,
      limit: search.limit,
      apps: await takeSteps(rowsOf(found.apps, scope, options), everyTurn(TURN_MS)),
    });
  };
}

/** Answers `APP_PATH`. */
export function oneApp(options: AppRowsOptions): Handler {
  return (ctx) => {
    const { path, query } = ctx.state.target;
    const appId = normalizeGuid(APP_PATH.exec(path)?.[1] ?? '');
    const { offset, limit } = parsePage(new URLSearchParams(query));
    const { scope } = ctx.state;
    const instances = instancesOf(appId, scope, options);
    const [first] = instances;
    if (!first) throw unknownApp(options.tableKnown());
    const nowSeconds = options.nowSeconds();
    const answered = instances.map((instance) => ({
      instance,
      result: options.history.resultOf(appId, instance),
    }));
    const failing = answered.filter(({ result }) => result?.failure !== undefined);
    const others = answered.filter(({ result }) => result?.failure === undefined);
    const page = [...failing, ...others].slice(offset, offset + limit);
    answerJson(ctx, {
      ...namesOf(first.app),
      ...countOf(instances, appId, options),
      ...{ offset, limit, slotSeconds: SLOT_SECONDS, slots: SLOTS },
      endsAtSeconds: endOf(slotOf(nowSeconds)) + Math.round(options.systemSeconds() - nowSeconds),
      items: page.map(({ instance, result }) => ({
        ...placeOf(instance),
        ...resultOf(result, nowSeconds),
        history: historyOf(appId, instance, options),
      })),
    });
  };
}

/** @throws {Problem} if the reader may not see the app, or there is none */
export function requireApp(appId: string, scope: Scope, options: AppRowsOptions): void {
  if (instancesOf(appId, scope, options).length === 0) throw unknownApp(options.tableKnown());
}

function unknownApp(tableKnown: boolean): Problem {
  if (tableKnown) {
    const detail = 'there is no such app, it does not run, or this credential does not show it';
    return new Problem('not-found', detail);
  }
  return new Problem('starting', 'no route source has answered yet', {
    headers: { 'Retry-After': '5' },
  });
}

/** The instances that a scrape of the app asks, of those that the reader may see. */
function instancesOf(
  appId: string,
  scope: Scope,
  { table, settingsOf }: AppRowsOptions,
): readonly Instance[] {
  const visible = table.byApp(appId).filter(({ app }) => sees(scope, app));
  const [first] = visible;
  return first ? distinctInstances(ofProcess(visible, settingsOf(first.app).process)) : [];
}

/** The rows of apps that are still there, with a pause after each one: an app may have many instances. */
function* rowsOf(apps: readonly AppIdentity[], scope: Scope, options: AppRowsOptions) {
  const rows: NonNullable<ReturnType<typeof rowOf>>[] = [];
  for (const app of apps) {
    const row = rowOf(app, scope, options);
    if (row) rows.push(row);
    yield;
  }
  return rows;
}

function rowOf(app: AppIdentity, scope: Scope, options: AppRowsOptions) {
  const { table } = options;
  const isThere = table
    .byApp(app.appId)
    .some((one) => one.app.spaceId === app.spaceId && sees(scope, one.app));
  if (!isThere) return undefined;
  const instances = instancesOf(app.appId, scope, options).filter(
    (one) => one.app.spaceId === app.spaceId,
  );
  return { ...namesOf(app), ...countOf(instances, app.appId, options) };
}

function namesOf({ appId, organizationName, spaceName, appName }: AppIdentity) {
  return { guid: appId, organization: organizationName, space: spaceName, app: appName };
}

function countOf(
  instances: readonly Instance[],
  appId: string,
  { history, nowSeconds }: AppRowsOptions,
) {
  const results = instances.flatMap((instance) => history.resultOf(appId, instance) ?? []);
  const failures = results.flatMap(({ failure }) => failure ?? []);
  const last = results.reduce((latest, { atSeconds }) => Math.max(latest, atSeconds), 0);
  return {
    instances: instances.length,
    up: results.length - failures.length,
    down: failures.length,
    unasked: instances.length - results.length,
    failures: [...new Set(failures)].sort(),
    askedSecondsAgo: results.length === 0 ? null : ago(last, nowSeconds()),
  };
}

function placeOf({ endpoint, index, processType, processInstanceId }: Instance) {
  return {
    id: processInstanceId || endpoint.address,
    index,
    process: processType,
    address: endpoint.address,
    zone: endpoint.availabilityZone,
  };
}

function resultOf(result: Result | undefined, nowSeconds: number) {
  if (!result) return { state: 'unasked' };
  const { failure, status, detail, advice, path, durationSeconds, samples, bytes, atSeconds } =
    result;
  return {
    state: failure === undefined ? 'up' : 'down',
    ...(failure !== undefined && { failure, ...REASONS[failure], status, detail }),
    ...(advice !== undefined && { remedy: advice }), // the same with the names of both apps
    ...{ path, samples, bytes, durationSeconds: rounded(durationSeconds) },
    askedSecondsAgo: ago(atSeconds, nowSeconds),
  };
}

function historyOf(appId: string, instance: Instance, { history, nowSeconds }: AppRowsOptions) {
  const readings = history.readingsOf(appId, instance, nowSeconds());
  return {
    durations: readings.map((one) => (one ? rounded(one.durationSeconds) : null)),
    samples: readings.map((one) => one?.samples ?? null),
    failures: readings.map((one) => (one && failureOf(one.code)) ?? null),
  };
}

function endOf(slot: number): number {
  return (slot + 1) * SLOT_SECONDS;
}

function ago(atSeconds: number, nowSeconds: number): number {
  return Math.max(0, Math.round(nowSeconds - atSeconds));
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}
