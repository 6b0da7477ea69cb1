/**
 * `GET /v1/apps/…` and `/v2/apps/…`: what the instances of an app expose, as one page.
 *
 * Promfetcher's paths, parameters, statuses and texts. `/v2` speaks only the text format.
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
import { lengthOf } from '../merge/splice.ts';
import { type AppPage, type AppPageSettings, loadAppPage } from './app-page.ts';
import type { SettingsOf } from './app-settings.ts';
import { cutOff } from './cut-off.ts';
import { failureProblem, Problem } from './errors.ts';
import type { Outcome } from './outcome.ts';
import { hurrySignal, leftBefore } from './presence.ts';
import { TextRefusal } from './promfetcher-errors.ts';
import type { Handler, RequestContext } from './request.ts';
import { visibleTo } from './scope.ts';
import { writePlan } from './splice-stream.ts';

export interface AppsOptions extends AppPageSettings, DeadlineOptions {
  readonly table: Lookup;
  /** Whether the table is whole: before that, an app that is not in it may still come. */
  readonly tableKnown: () => boolean;
  /** What the bindings of an app say. */
  readonly settingsOf: SettingsOf;
  /** Whose a reader's `Authorization` is: the app's in `auth.mode: open`. */
  readonly authorizationOf: 'app' | 'promgate';
  /** For the loop guard; replicas share it. */
  readonly id: string;
}

/** The paths of merged pages: `/v1/apps/<app>/metrics`, with `only-app-metrics` in its place, or without an app. */
export const APPS_PATH = /^\/v[12]\/apps\/(?:.*\/)?(?:only-app-)?metrics$/s;
/** The path of one instance: `/v1/apps/<guid>/instances/<id or index>/metrics`. */
export const INSTANCE_PATH =
  /^\/v[12]\/apps\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/instances\/([^/]+)\/metrics$/i;

/** Parts of a path that mean the same whoever escapes or resolves it on its way: not `..` either. */
const PLAIN = /^[\w~-][\w.~-]*$/;

/** `INSTANCE_PATH` of an instance, by its id or else its index; undefined if none leads to it. */
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
    const instances = findInstances(options, ctx, selector);
    if (instances.length === 0) {
      if (!options.tableKnown()) throw starting();
      throw new TextRefusal(404, `404 Cannot found app with id or path ${selector.text}\n`);
    }
    const withExporters = only === undefined && !params.has('only_from_app');
    const page = await load(options, ctx, { instances, withExporters });
    if (page === undefined) return;
    using merged = page;
    const noEndpoint =
      options.exporters.length === 0 ? withoutEndpoint(merged.outcomes) : undefined;
    if (noEndpoint) throw new TextRefusal(406, noEndpointText(noEndpoint));
    await answer(ctx, merged, options);
  };
}

/** Answers `INSTANCE_PATH`: one instance, whose failure is the request's. */
export function oneInstance(options: AppsOptions): Handler {
  return async (ctx) => {
    const { path, query } = ctx.state.target;
    const [, guid = '', rawId = ''] = INSTANCE_PATH.exec(path)!;
    const selector = readSelector(guid, query);
    const id = decoded(rawId);
    const found = findInstances(options, ctx, selector);
    const [instance, ...others] = findInstance(found, id);
    if (instance === undefined) {
      if (!options.tableKnown()) throw starting();
      const text = `404 Cannot found instance ${id} of app with id ${selector.text}\n`;
      throw new TextRefusal(404, text);
    }
    if (others.length > 0) {
      const ids = [instance, ...others].map(({ processInstanceId }) => processInstanceId);
      throw new Problem('ambiguous', `index ${id} is held by the instances ${ids.join(', ')}`);
    }
    const page = await load(options, ctx, { instances: [instance], withExporters: false });
    if (page === undefined) return;
    using merged = page;
    const failures = merged.outcomes.flatMap(({ failure }) => failure ?? []);
    const isDown = failures.length === merged.outcomes.length; // of its pages, mostly one
    if (isDown) throw failureProblem(failures[0]!, instance.endpoint.address);
    await answer(ctx, merged, options);
  };
}

/** The selected instances that the reader may see. */
function findInstances(
  { table, settingsOf }: AppsOptions,
  { state }: RequestContext,
  selector: Selector,
): Instance[] {
  return selectInstances(visibleTo(state.scope, table), selector, (app) => settingsOf(app).process);
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

/** By process instance id, else by index. */
function findInstance(instances: readonly Instance[], id: string): Instance[] {
  const byId = instances.filter(({ processInstanceId }) => processInstanceId === normalizeGuid(id));
  return byId.length > 0 ? byId : instances.filter(({ index }) => index === id);
}

/** @throws {TextRefusal} when the request names no app that can be read */
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
  readonly withExporters: boolean;
}

/** Asks the instances. Undefined when the request is answered already: as HEAD. */
async function load(
  options: AppsOptions,
  ctx: RequestContext,
  { instances, withExporters }: AskedInstances,
): Promise<AppPage | undefined> {
  const { req, state } = ctx;
  if (passedThrough(req.headers, options.id)) {
    throw new Problem(
      'loop',
      'an app of the table is promgate itself, or asks it for its own page',
    );
  }
  const metricPath = readMetricPath(state.target.query);
  const textOnly = state.target.path.startsWith('/v2/');
  const negotiated = negotiate(req.headers.accept, { textOnly });
  ctx.vary('Accept');
  ctx.vary('Accept-Encoding');
  if (ctx.method === 'HEAD') {
    ctx.set('Content-Type', negotiated.contentType.text);
    ctx.respond = false; // koa would take the type away with the body
    ctx.res.statusCode = 200;
    ctx.res.end();
    return undefined;
  }
  const timeoutMs = scrapeTimeoutMs(ctx.get(TIMEOUT_HEADER) || undefined, options);
  const page = await loadAppPage(options, {
    instances,
    withExporters,
    path: metricPath,
    settingsOf: options.settingsOf,
    headers: headersFor(options, ctx, negotiated),
    negotiated,
    deadlineMs: performance.now() + timeoutMs,
    signal: state.signal,
    hurry: hurrySignal(ctx.res),
  });
  const ok = page.outcomes.filter(({ failure }) => failure === undefined).length;
  state.instances = { ok, failed: page.outcomes.length - ok };
  ctx.set('Content-Type', negotiated.contentType[page.format]);
  return page;
}

function headersFor(options: AppsOptions, ctx: RequestContext, { accept }: Negotiated) {
  const { req, socket, state } = ctx;
  const proto = ctx.get('X-Forwarded-Proto').split(',', 1)[0]!.trim().toLowerCase();
  const remote = socket.remoteAddress ?? '';
  const sent = ctx.get('X-Forwarded-For');
  const before = findToken(sent) === undefined ? sent : ''; // apps would read the token
  return scrapeHeaders(req.rawHeaders, {
    authorizationOf: state.credentialIsOurs ? 'promgate' : options.authorizationOf,
    accept,
    id: options.id,
    forwardedProto: /^https?$/.test(proto) ? proto : 'encrypted' in socket ? 'https' : 'http',
    forwardedFor: before === '' ? remote : `${before}, ${remote}`,
  });
}

/** @throws {TextRefusal} for a path that no instance should be asked for */
function readMetricPath(query: string): string {
  const given = new URLSearchParams(query).get('metric_path');
  try {
    return parseMetricPath(given ?? undefined);
  } catch (cause) {
    if (!(cause instanceof MetricPathError)) throw cause;
    throw new TextRefusal(400, `400 Bad Request: ${cause.message}`, { cause });
  }
}

/** The first instance, if every one of them answered 404. */
function withoutEndpoint(outcomes: readonly Outcome[]): Outcome | undefined {
  return outcomes.every(({ status }) => status === 404) ? outcomes[0] : undefined;
}

function noEndpointText({ path, app, instance }: Outcome): string {
  const name = `${app.organizationName}/${app.spaceName}/${app.appName}`;
  const which = app.appName === '' ? (instance?.host ?? '') : name;
  const said = `Cannot found endpoint '${path}' for app with id or path`;
  return `406 ${said} '${which} (status code 404)', please create one\n`;
}

function starting(): Problem {
  return new Problem('starting', 'no route source has answered yet', {
    headers: { 'Retry-After': '5' },
  });
}

/**
 * Streams the page, past koa: it is written as the reader takes it.
 *
 * A reader that takes longer than the longest scrape has given up by its own clock; it must not
 * keep the page's bytes from others.
 */
async function answer(
  ctx: RequestContext,
  { plan, hold, shrink }: AppPage,
  { maxTimeoutMs }: AppsOptions,
): Promise<void> {
  const gzip = ctx.acceptsEncodings('gzip', 'identity') === 'gzip';
  if (gzip) ctx.set('Content-Encoding', 'gzip');
  ctx.respond = false;
  ctx.res.statusCode = 200;
  const length = gzip ? undefined : lengthOf(plan);
  if (length !== undefined) ctx.set('Content-Length', String(length));
  if (hurrySignal(ctx.res).aborted && (await leftBefore(ctx.res))) return;
  const reader = new AbortController();
  const leave = (): void => reader.abort();
  ctx.socket.once('close', leave);
  const tooSlow = setTimeout(() => cutOff(ctx.socket), maxTimeoutMs);
  try {
    if (ctx.socket.destroyed) leave();
    await writePlan(plan, ctx.res, { gzip, signal: reader.signal, hold, onSpliced: shrink });
  } catch (error) {
    // A write may fail in many ways once the reader has left: nobody is there to be told.
    if (ctx.socket.destroyed) return;
    ctx.respond = !ctx.headerSent; // when nothing is out, koa can still say that it failed
    throw error;
  } finally {
    clearTimeout(tooSlow);
    ctx.socket.off('close', leave);
  }
}
