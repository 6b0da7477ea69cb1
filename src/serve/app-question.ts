/**
 * What a request for the page of an app asks: everything that equal requests have in common.
 *
 * A question is read once, however often equal requests come. The instances that it means are
 * selected again whenever the route table or the bindings of the app have changed.
 */
import { normalizeGuid } from '../../broker/guid.ts';
import type { Instance } from '../discover/instance.ts';
import { type Lookup, selectInstances } from '../discover/select.ts';
import { parseSelector, type Selector, SelectorError } from '../discover/selector.ts';
import { type Negotiated, negotiate } from '../exposition/negotiate.ts';
import { type DeadlineOptions, scrapeTimeoutMs } from '../fetch/deadline.ts';
import {
  passedThrough,
  type ScrapeHeaders,
  scrapeHeaders,
  TIMEOUT_HEADER,
} from '../fetch/forward.ts';
import { MetricPathError, parseMetricPath } from '../fetch/metric-path.ts';
import { findToken } from '../fetch/token.ts';
import type { AppPageSettings } from './app-page.ts';
import type { AppPages, PreparedAppPage } from './app-pages.ts';
import { INSTANCE_PATH } from './app-paths.ts';
import type { SettingsOf } from './app-settings.ts';
import type { PageStyle } from './asked-pages.ts';
import { failureProblem, Problem } from './errors.ts';
import type { Outcome } from './outcome.ts';
import { TextRefusal } from './promfetcher-errors.ts';
import type { Exchange, RequestContext } from './request.ts';
import { type Scope, visibleTo } from './scope.ts';

export interface QuestionOptions extends Pick<AppPageSettings, 'exporters'>, DeadlineOptions {
  readonly pages: Pick<AppPages, 'prepare'>;
  readonly table: Lookup;
  /** Whether the table counts as complete; until then promgate may not know an app yet. */
  readonly tableKnown: () => boolean;
  readonly settingsOf: SettingsOf;
  /** Whom a reader's `Authorization` is meant for: the app in `auth.mode: open`. */
  readonly authorizationOf: 'app' | 'promgate';
  /** Names this promgate for the loop guard; its replicas share the name. */
  readonly id: string;
}

export interface AppQuestion {
  readonly negotiated: Negotiated;
  readonly timeoutMs: number;
  /** Whether the reader prefers a compressed page. */
  readonly gzip: boolean;
  /** Whether the instances get a credential of the reader. */
  readonly withCredentials: boolean;
  /** @throws {TextRefusal} | {Problem} if no instance is meant, or too many are */
  readonly prepared: () => PreparedAppPage;
  /** The headers for the instances, for a request that asks the same. */
  readonly headersFor: (exchange: Exchange) => ScrapeHeaders;
  /** @throws {TextRefusal} | {Problem} if the outcomes are no page */
  readonly check: (outcomes: readonly Outcome[]) => void;
}

/** Which instances a request means. */
export interface Meaning extends Pick<AppQuestion, 'check'> {
  readonly select: () => Instance[];
  /** @throws {Problem} if the request is not for so many instances */
  readonly demand?: (instances: readonly Instance[]) => void;
  /** The answer if there is no such instance. */
  readonly missing: string;
  readonly withExporters: boolean;
  /** Default: 'merged'. */
  readonly style?: PageStyle;
}

/** Reads a request for the page of an app. */
export function readAppQuestion(ctx: RequestContext, options: QuestionOptions): AppQuestion {
  const { scope, target } = ctx.state; // a question must not hold the whole request
  const { path, query } = target;
  const [, app = '', only] = /^\/v\d\/apps\/(?:(.*)\/)?(only-app-)?metrics$/s.exec(path)!;
  const selector = readSelector(app, query);
  return question(ctx, options, {
    select: () => findInstances(options, scope, selector),
    missing: `404 Cannot found app with id or path ${selector.text}\n`,
    withExporters: only === undefined && !new URLSearchParams(query).has('only_from_app'),
    check: (outcomes) => {
      const noEndpoint = options.exporters.length === 0 ? withoutEndpoint(outcomes) : undefined;
      if (noEndpoint) throw new TextRefusal(406, noEndpointText(noEndpoint));
    },
  });
}

/** Reads a request for the page of one instance. If the instance fails, the request fails. */
export function readInstanceQuestion(ctx: RequestContext, options: QuestionOptions): AppQuestion {
  const { scope, target } = ctx.state;
  const [, guid = '', rawId = ''] = INSTANCE_PATH.exec(target.path)!;
  const selector = readSelector(guid, target.query);
  const id = decoded(rawId);
  return question(ctx, options, {
    select: () => findInstance(findInstances(options, scope, selector), id),
    missing: `404 Cannot found instance ${id} of app with id ${selector.text}\n`,
    demand: ([...instances]) => {
      if (instances.length < 2) return;
      const ids = instances.map(({ processInstanceId }) => processInstanceId);
      throw new Problem('ambiguous', `index ${id} is held by the instances ${ids.join(', ')}`);
    },
    withExporters: false,
    check: (outcomes) => {
      const failures = outcomes.flatMap(({ failure }) => failure ?? []);
      const isDown = failures.length === outcomes.length; // of its pages, mostly one
      if (!isDown) return;
      const [{ instance, advice }] = outcomes as [Outcome]; // one page of one instance at least
      throw failureProblem(failures[0]!, instance!.endpoint.address, advice);
    },
  });
}

/** Reads the rest of a request for the instances that are meant. */
export function question(
  ctx: RequestContext,
  options: QuestionOptions,
  meaning: Meaning,
): AppQuestion {
  const { req, state } = ctx;
  const { path, query } = state.target;
  const { credentialIsOurs } = state;
  const { select, withExporters, style, check } = meaning;
  const instances = demanded(options, meaning);
  if (passedThrough(req.headers, options.id)) {
    throw new Problem(
      'loop',
      'an app in the route table is promgate itself, or asks promgate for its own page',
    );
  }
  const metricPath = readMetricPath(query);
  const negotiated = negotiate(req.headers.accept, { textOnly: path.startsWith('/v2/') });
  const timeoutMs = scrapeTimeoutMs(ctx.get(TIMEOUT_HEADER) || undefined, options);
  const headersFor = (exchange: Exchange): ScrapeHeaders =>
    forwardedHeaders(exchange, negotiated, {
      authorizationOf: credentialIsOurs ? 'promgate' : options.authorizationOf,
      id: options.id,
    });
  const asked = {
    ...{ withExporters, style, negotiated, timeoutMs, select },
    ...{ path: metricPath, name: path, headers: headersFor(ctx) },
  };
  let prepared = options.pages.prepare({ ...asked, instances });
  return {
    ...{ negotiated, timeoutMs, headersFor, check },
    withCredentials: prepared.withCredentials,
    gzip: ctx.acceptsEncodings('gzip', 'identity') === 'gzip',
    prepared: () => {
      if (!prepared.isCurrent()) {
        prepared = options.pages.prepare({ ...asked, instances: demanded(options, meaning) });
      }
      return prepared;
    },
  };
}

/** The instances that are meant. @throws {TextRefusal} | {Problem} if there are none, or too many */
function demanded({ tableKnown }: QuestionOptions, { select, missing, demand }: Meaning) {
  const instances = select();
  if (instances.length === 0) throw tableKnown() ? new TextRefusal(404, missing) : starting();
  demand?.(instances);
  return instances;
}

/** The selected instances that the reader may see. */
export function findInstances(
  { table, settingsOf }: QuestionOptions,
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

function forwardedHeaders(
  { req, req: { headers, socket } }: Exchange,
  { accept }: Negotiated,
  options: { readonly authorizationOf: 'app' | 'promgate'; readonly id: string },
): ScrapeHeaders {
  const given = String(headers['x-forwarded-proto'] ?? '');
  const proto = given.split(',', 1)[0]!.trim().toLowerCase();
  const remote = socket.remoteAddress ?? '';
  const sent = String(headers['x-forwarded-for'] ?? '');
  const before = findToken(sent) === undefined ? sent : ''; // apps must not read the token
  return scrapeHeaders(req.rawHeaders, {
    ...{ ...options, accept },
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
