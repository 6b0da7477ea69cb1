/**
 * `GET /v1/apps/…` and `/v2/apps/…`: the metrics of an app's instances as one page.
 *
 * Paths, parameters, statuses and texts are Promfetcher's. `/v2` answers only in the text format.
 */
import { normalizeGuid } from '../../broker/guid.ts';
import type { Instance } from '../discover/instance.ts';
import { type Lookup, selectInstances } from '../discover/select.ts';
import { parseSelector, type Selector, SelectorError } from '../discover/selector.ts';
import { type Negotiated, negotiate } from '../exposition/negotiate.ts';
import { type DeadlineOptions, scrapeTimeoutMs } from '../fetch/deadline.ts';
import { passedThrough, scrapeHeaders, TIMEOUT_HEADER } from '../fetch/forward.ts';
import { MetricPathError, parseMetricPath } from '../fetch/metric-path.ts';
import { findToken } from '../fetch/token.ts';
import { answerPage, countInstances } from './answer-page.ts';
import type { AppPageSettings } from './app-page.ts';
import type { AppPages, AskedAppPage, KeptAppPage } from './app-pages.ts';
import type { SettingsOf } from './app-settings.ts';
import type { PageStyle } from './asked-pages.ts';
import { readerName } from './client-address.ts';
import { failureProblem, Problem } from './errors.ts';
import type { Lane } from './lane.ts';
import type { Outcome } from './outcome.ts';
import { hurrySignal } from './presence.ts';
import { TextRefusal } from './promfetcher-errors.ts';
import type { Handler, RequestContext } from './request.ts';
import { type Scope, visibleTo } from './scope.ts';

export interface AppsOptions extends Pick<AppPageSettings, 'exporters'>, DeadlineOptions {
  readonly pages: AppPages;
  readonly lane?: Lane | undefined;
  readonly table: Lookup;
  /** Whether the table counts as complete; until then promgate may not know an app yet. */
  readonly tableKnown: () => boolean;
  readonly settingsOf: SettingsOf;
  /** Whom a reader's `Authorization` is meant for: the app in `auth.mode: open`. */
  readonly authorizationOf: 'app' | 'promgate';
  /** Names this promgate for the loop guard; its replicas share the name. */
  readonly id: string;
}

/** The paths of merged pages: `…/<app>/metrics` or `…/<app>/only-app-metrics`; `<app>` is optional. */
export const APPS_PATH = /^\/v[12]\/apps\/(?:.*\/)?(?:only-app-)?metrics$/s;
/** The path of one instance: `/v1/apps/<guid>/instances/<id or index>/metrics`. */
export const INSTANCE_PATH =
  /^\/v[12]\/apps\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/instances\/([^/]+)\/metrics$/i;

/** A path segment that no client or proxy changes: it needs no escapes, and is not `.` or `..`. */
const PLAIN = /^[\w~-][\w.~-]*$/;

/** The path of an instance, by its id, else by its index; undefined if no path can name it. */
export function instancePath({ app, index, processInstanceId }: Instance): string | undefined {
  const id = [processInstanceId, index].find((name) => PLAIN.test(name));
  const path = `/v1/apps/${app.appId}/instances/${id}/metrics`;
  return id !== undefined && INSTANCE_PATH.test(path) ? path : undefined;
}

/** Answers `APPS_PATH`. */
export function apps(options: AppsOptions): Handler {
  return async (ctx) => {
    const { path, query } = ctx.state.target;
    const [, app = '', only] = /^\/v\d\/apps\/(?:(.*)\/)?(only-app-)?metrics$/s.exec(path)!;
    const params = new URLSearchParams(query);
    const selector = readSelector(app, query);
    const { scope } = ctx.state; // a refresh must not hold the whole request
    const select = (): Instance[] => visibleInstances(options, scope, selector);
    const instances = select();
    if (instances.length === 0) {
      if (!options.tableKnown()) throw starting();
      throw new TextRefusal(404, `404 Cannot found app with id or path ${selector.text}\n`);
    }
    const withExporters = only === undefined && !params.has('only_from_app');
    const loaded = await loadPage(options, ctx, { instances, select, withExporters });
    if (loaded === undefined) return;
    const { kept, contentType } = loaded;
    using page = kept.page;
    const noEndpoint = options.exporters.length === 0 ? withoutEndpoint(page.outcomes) : undefined;
    if (noEndpoint) throw new TextRefusal(406, noEndpointText(noEndpoint));
    await answerPage(ctx, kept, { ...options, contentType });
  };
}

/** Answers `INSTANCE_PATH`. If the instance fails, the request fails. */
export function oneInstance(options: AppsOptions): Handler {
  return async (ctx) => {
    const { path, query } = ctx.state.target;
    const [, guid = '', rawId = ''] = INSTANCE_PATH.exec(path)!;
    const selector = readSelector(guid, query);
    const id = decoded(rawId);
    const { scope } = ctx.state;
    const select = (): Instance[] => findInstance(visibleInstances(options, scope, selector), id);
    const [instance, ...others] = select();
    if (instance === undefined) {
      if (!options.tableKnown()) throw starting();
      const text = `404 Cannot found instance ${id} of app with id ${selector.text}\n`;
      throw new TextRefusal(404, text);
    }
    if (others.length > 0) {
      const ids = [instance, ...others].map(({ processInstanceId }) => processInstanceId);
      throw new Problem('ambiguous', `index ${id} is held by the instances ${ids.join(', ')}`);
    }
    const asked = { instances: [instance], select, withExporters: false };
    const loaded = await loadPage(options, ctx, asked);
    if (loaded === undefined) return;
    const { kept, contentType } = loaded;
    using page = kept.page;
    const failures = page.outcomes.flatMap(({ failure }) => failure ?? []);
    const isDown = failures.length === page.outcomes.length; // of its pages, mostly one
    if (isDown) throw failureProblem(failures[0]!, instance.endpoint.address);
    await answerPage(ctx, kept, { ...options, contentType });
  };
}

/** The selected instances that the reader may see. */
export function visibleInstances(
  { table, settingsOf }: AppsOptions,
  scope: Scope,
  selector: Selector,
): Instance[] {
  return selectInstances(visibleTo(scope, table), selector, (app) => settingsOf(app).process);
}

/** @throws {TextRefusal} */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    const refusal = `400 Bad Request: a broken percent escape in "${text}"`;
    throw new TextRefusal(400, refusal, { cause });
  }
}

/** Finds instances by process instance id, or by index if none has that id. */
function findInstance(instances: readonly Instance[], id: string): Instance[] {
  const byId = instances.filter(({ processInstanceId }) => processInstanceId === normalizeGuid(id));
  return byId.length > 0 ? byId : instances.filter(({ index }) => index === id);
}

/** @throws {TextRefusal} if path and query name no app, or the selector is malformed */
function readSelector(path: string, search: string): Selector {
  try {
    return parseSelector({ path, search });
  } catch (cause) {
    if (!(cause instanceof SelectorError)) throw cause;
    throw new TextRefusal(400, `400 Bad Request: ${cause.message}`, { cause });
  }
}

interface AskedInstances {
  readonly instances: readonly Instance[];
  /** Selects the instances again, as the table has them then. */
  readonly select: () => Instance[];
  readonly withExporters: boolean;
  readonly style?: PageStyle;
}

interface LoadedPage extends Pick<Negotiated, 'contentType'> {
  readonly kept: KeptAppPage;
}

/** Loads the merged page. @returns undefined for HEAD, which it answers without asking anybody */
export async function loadPage(
  options: AppsOptions,
  ctx: RequestContext,
  { instances, select, withExporters, style }: AskedInstances,
): Promise<LoadedPage | undefined> {
  const { req, state } = ctx;
  if (passedThrough(req.headers, options.id)) {
    throw new Problem(
      'loop',
      'an app in the route table is promgate itself, or asks promgate for its own page',
    );
  }
  const metricPath = readMetricPath(state.target.query);
  const textOnly = state.target.path.startsWith('/v2/');
  const negotiated = negotiate(req.headers.accept, { textOnly });
  ctx.vary('Accept');
  ctx.vary('Accept-Encoding');
  if (ctx.method === 'HEAD') {
    ctx.set('Content-Type', negotiated.contentType.text);
    ctx.respond = false; // koa would remove the Content-Type of an answer without a body
    ctx.res.statusCode = 200;
    ctx.res.end();
    return undefined;
  }
  const timeoutMs = scrapeTimeoutMs(ctx.get(TIMEOUT_HEADER) || undefined, options);
  const asked: Omit<AskedAppPage, 'again' | 'deadlineMs' | 'signal' | 'instances'> = {
    ...{ withExporters, style, negotiated, timeoutMs, settingsOf: options.settingsOf },
    path: metricPath,
    headers: headersFor(options, ctx, negotiated),
    name: state.target.path,
    reader: readerName(req),
  };
  const again: AskedAppPage['again'] = (deadline) => ({
    ...{ ...asked, ...deadline, again, instances: select() },
  });
  const kept = await options.pages.get({
    ...{ ...asked, again, instances, signal: state.signal, hurry: hurrySignal(ctx.res) },
    deadlineMs: performance.now() + timeoutMs,
  });
  state.instances = countInstances(kept.page);
  return { kept, contentType: negotiated.contentType };
}

function headersFor(options: AppsOptions, ctx: RequestContext, { accept }: Negotiated) {
  const { req, socket, state } = ctx;
  const proto = ctx.get('X-Forwarded-Proto').split(',', 1)[0]!.trim().toLowerCase();
  const remote = socket.remoteAddress ?? '';
  const sent = ctx.get('X-Forwarded-For');
  const before = findToken(sent) === undefined ? sent : ''; // apps must not read the token
  return scrapeHeaders(req.rawHeaders, {
    authorizationOf: state.credentialIsOurs ? 'promgate' : options.authorizationOf,
    accept,
    id: options.id,
    forwardedProto: /^https?$/.test(proto) ? proto : 'encrypted' in socket ? 'https' : 'http',
    forwardedFor: before === '' ? remote : `${before}, ${remote}`,
  });
}

/** @throws {TextRefusal} for a path that promgate must not ask an instance for */
function readMetricPath(query: string): string {
  const given = new URLSearchParams(query).get('metric_path');
  try {
    return parseMetricPath(given ?? undefined);
  } catch (cause) {
    if (!(cause instanceof MetricPathError)) throw cause;
    throw new TextRefusal(400, `400 Bad Request: ${cause.message}`, { cause });
  }
}

/** The first outcome if every instance answered 404; else undefined. */
function withoutEndpoint(outcomes: readonly Outcome[]): Outcome | undefined {
  return outcomes.every(({ status }) => status === 404) ? outcomes[0] : undefined;
}

function noEndpointText({ path, app, instance }: Outcome): string {
  const name = `${app.organizationName}/${app.spaceName}/${app.appName}`;
  const which = app.appName === '' ? (instance?.host ?? '') : name;
  const said = `Cannot found endpoint '${path}' for app with id or path`;
  return `406 ${said} '${which} (status code 404)', please create one\n`;
}

export function starting(): Problem {
  return new Problem('starting', 'no route source has answered yet', {
    headers: { 'Retry-After': '5' },
  });
}
