/**
 * A simulated CF API with its UAA: it pages, filters, limits, and does not believe expired tokens.
 *
 * ```ts
 * await using api = await startCfApi({ nowMs: () => clock.nowMs() });
 * const app = api.world.push({ name: 'shop', space: api.world.space('acme', 'prod'), instances: 3 });
 * api.uaa.clients.set('promgate', { secret: 's', scopes: ['cloud_controller.global_auditor'], spaces: [] });
 * ```
 *
 * `world` and `uaa` may be changed at any time; `fault` answers in place of the API.
 */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  appJson,
  bindingJson,
  includedDomains,
  includedSpaces,
  processJson,
  routeJson,
  selects,
  serviceJson,
  statsJson,
} from './resources.ts';
import { type Subject, Uaa } from './uaa.ts';
import { World, type WorldSpace } from './world.ts';

export interface CfApi extends AsyncDisposable {
  readonly url: string;
  readonly world: World;
  readonly uaa: Uaa;
  /** Method, path and query of every request, oldest first. */
  readonly requests: string[];
  /** The status of every answer, in the order in which they were sent. */
  readonly statuses: number[];
  /** Requests in an hour that one subject may send; undefined: no limit, and no headers. */
  limit: number | undefined;
  /** What the API does not know, as older ones do not. */
  readonly unknown: Set<'embed' | 'updated_ats'>;
  /** Called before each answer; whoever returns true has answered, or never will. */
  fault:
    | ((request: http.IncomingMessage, response: http.ServerResponse, url: URL) => boolean)
    | undefined;
  /** Changes the JSON of a list before it is sent. */
  lie: ((json: ListJson, url: URL) => unknown) | undefined;
}

interface ListJson {
  pagination: { total_results: number; total_pages: number; next: { href: string } | null };
  resources: object[];
  included?: object;
}

export interface CfApiOptions {
  /** The wall clock in milliseconds. Default: the system's. */
  readonly nowMs?: () => number;
}

const HOUR_MS = 3_600_000;
const SEES_ALL = [
  ...['cloud_controller.global_auditor', 'cloud_controller.admin_read_only'],
  'cloud_controller.admin',
];
const UNLIMITED = ['cloud_controller.admin_read_only', 'cloud_controller.admin'];

export async function startCfApi({ nowMs = Date.now }: CfApiOptions = {}): Promise<CfApi> {
  const [world, uaa] = [new World(nowMs), new Uaa(nowMs)];
  const windows = new Map<string, { untilMs: number; used: number }>();
  const server = http.createServer((request, response) => {
    void answer(request, response); // an answer that throws fails the test run
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const api: CfApi = {
    url: `http://127.0.0.1:${port}`,
    ...{ world, uaa, requests: [], statuses: [], limit: undefined, unknown: new Set() },
    ...{ fault: undefined, lie: undefined },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };

  async function answer(request: http.IncomingMessage, response: http.ServerResponse) {
    const url = new URL(request.url ?? '/', api.url);
    const body = await text(request).catch(() => '');
    api.requests.push(`${request.method} ${url.pathname}${url.search}`);
    response.once('finish', () => api.statuses.push(response.statusCode));
    if (api.fault?.(request, response, url)) return;
    if (url.pathname === '/') return send(response, 200, rootJson(api.url));
    if (url.pathname === '/uaa/oauth/token') {
      const authorization = request.headers.authorization ?? '';
      const { status, json } = uaa.grant(
        new URLSearchParams(body),
        url.searchParams,
        authorization,
      );
      return send(response, status, json);
    }
    const token = (request.headers.authorization ?? '').replace(/^bearer /i, '');
    const subject = uaa.subjectOf(token);
    const { status, json } = subject
      ? (overLimit(subject, response) ?? said(url, subject))
      : refusal(401, token === '' ? NOT_AUTHENTICATED : INVALID_TOKEN);
    send(response, status, json);
  }

  /** Counts the request as the rate limiter of the Cloud Controller does. */
  function overLimit(subject: Subject, response: http.ServerResponse): Said | undefined {
    if (api.limit === undefined) return undefined;
    if (subject.scopes.some((one) => UNLIMITED.includes(one))) return undefined;
    const known = windows.get(subject.id);
    const window =
      known && nowMs() < known.untilMs ? known : { untilMs: nowMs() + HOUR_MS, used: 0 };
    windows.set(subject.id, window);
    window.used += 1;
    const left = Math.max(0, api.limit - window.used);
    const tenth = api.limit / 10;
    response.setHeader('X-RateLimit-Limit', String(api.limit));
    response.setHeader('X-RateLimit-Remaining', String(Math.floor(left / tenth) * tenth));
    response.setHeader('X-RateLimit-Reset', String(Math.ceil(window.untilMs / 1000)));
    if (window.used <= api.limit) return undefined;
    response.setHeader('Retry-After', String(Math.ceil((window.untilMs - nowMs()) / 1000)));
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    return refusal(429, [10_013, 'CF-RateLimitExceeded', 'Rate Limit Exceeded']);
  }

  function said(url: URL, subject: Subject): Said {
    const all = subject.scopes.some((one) => SEES_ALL.includes(one));
    if (!all && !subject.scopes.includes('cloud_controller.read')) {
      return refusal(403, NOT_AUTHORIZED);
    }
    const sees = (space: WorldSpace): boolean => all || subject.spaces.includes(space);
    const stats = /^\/v3\/processes\/([^/]+)\/stats$/.exec(url.pathname);
    if (stats) {
      const process = world.processes.find(({ guid, app }) => guid === stats[1] && sees(app.space));
      return process ? { status: 200, json: statsJson(process) } : refusal(404, NOT_FOUND);
    }
    const list = LISTS[url.pathname];
    if (!list) return refusal(404, NOT_FOUND);
    const unknown = unknownParameter(url.searchParams, list.parameters, api.unknown);
    if (unknown !== undefined) {
      const detail = `The query parameter is invalid: Unknown query parameter(s): '${unknown}'`;
      return refusal(400, [10_005, 'CF-BadQueryParameter', detail]);
    }
    const json = page(url, list.of(world, url.searchParams, sees));
    if (!json) return refusal(400, BAD_PER_PAGE);
    return { status: 200, json: api.lie ? api.lie(json, url) : json };
  }
  return api;
}

interface Selected {
  readonly count: number;
  json(from: number, to: number): Pick<ListJson, 'resources' | 'included'>;
}

interface List {
  readonly parameters: readonly string[];
  of(world: World, query: URLSearchParams, sees: (space: WorldSpace) => boolean): Selected;
}

const LISTS: Readonly<Record<string, List>> = {
  '/v3/apps': {
    parameters: [
      'guids',
      'include',
      'label_selector',
      'names',
      'organization_guids',
      'space_guids',
      'updated_ats[gt]',
    ],
    of: (world, query, sees) =>
      selected(
        world.apps.filter(
          (app) =>
            sees(app.space) &&
            isIn(query, 'guids', app.guid) &&
            isIn(query, 'space_guids', app.space.guid) &&
            isNewer(query, app.updatedMs) &&
            selects(query.get('label_selector') ?? '', app.labels),
        ),
        appJson,
        query.get('include') === 'space.organization' ? includedSpaces : undefined,
      ),
  },
  '/v3/processes': {
    parameters: ['guids', 'app_guids', 'space_guids', 'types', 'embed', 'updated_ats[gt]'],
    of: (world, query, sees) =>
      selected(
        world.processes.filter(
          ({ guid, app, type, updatedMs }) =>
            sees(app.space) &&
            isIn(query, 'guids', guid) &&
            isIn(query, 'app_guids', app.guid) &&
            isIn(query, 'space_guids', app.space.guid) &&
            isIn(query, 'types', type) &&
            isNewer(query, updatedMs),
        ),
        (process) => processJson(process, query.get('embed') === 'process_instances'),
      ),
  },
  '/v3/routes': {
    parameters: ['app_guids', 'space_guids', 'include', 'hosts', 'domain_guids'],
    of: (world, query, sees) =>
      selected(
        world.routes.filter(
          ({ space, destinations }) =>
            sees(space) &&
            isIn(query, 'space_guids', space.guid) &&
            (!query.has('app_guids') ||
              destinations.some(({ app }) => isIn(query, 'app_guids', app.guid))),
        ),
        routeJson,
        query.get('include') === 'domain' ? includedDomains : undefined,
      ),
  },
  '/v3/service_instances': {
    parameters: ['type', 'space_guids'],
    of: (world, query, sees) =>
      selected(
        world.services.filter(({ space }) => sees(space) && isIn(query, 'space_guids', space.guid)),
        serviceJson,
      ),
  },
  '/v3/service_credential_bindings': {
    parameters: ['type', 'service_instance_guids', 'app_guids'],
    of: (world, query, sees) =>
      selected(
        world.bindings.filter(
          ({ app, service }) =>
            sees(app.space) && isIn(query, 'service_instance_guids', service.guid),
        ),
        bindingJson,
      ),
  },
};

function selected<R>(
  all: readonly R[],
  json: (one: R) => object,
  included?: (page: readonly R[]) => object,
): Selected {
  return {
    count: all.length,
    json: (from, to) => {
      const page = all.slice(from, to);
      return { resources: page.map(json), ...(included && { included: included(page) }) };
    },
  };
}

function page(url: URL, { count, json }: Selected): ListJson | undefined {
  const perPage = Number(url.searchParams.get('per_page') ?? 50);
  const number = Number(url.searchParams.get('page') ?? 1);
  if (!(perPage >= 1 && perPage <= 5000 && number >= 1)) return undefined;
  const pages = Math.max(1, Math.ceil(count / perPage));
  const link = (to: number): { href: string } => {
    const href = new URL(url);
    href.searchParams.set('page', String(to));
    return { href: String(href) };
  };
  const pagination = {
    ...{ total_results: count, total_pages: pages, first: link(1), last: link(pages) },
    ...{
      next: number < pages ? link(number + 1) : null,
      previous: number > 1 ? link(number - 1) : null,
    },
  };
  return { pagination, ...json((number - 1) * perPage, number * perPage) };
}

function isIn(query: URLSearchParams, key: string, value: string): boolean {
  const list = query.get(key);
  return list === null || list.split(',').includes(value);
}

function isNewer(query: URLSearchParams, updatedMs: number): boolean {
  const since = query.get('updated_ats[gt]');
  return since === null || Math.floor(updatedMs / 1000) * 1000 > Date.parse(since);
}

function unknownParameter(
  query: URLSearchParams,
  known: readonly string[],
  unknown: ReadonlySet<string>,
): string | undefined {
  return [...query.keys()].find(
    (key) =>
      !(known.includes(key) || ['page', 'per_page', 'order_by'].includes(key)) ||
      unknown.has(key.replace('[gt]', '')),
  );
}

function rootJson(url: string): object {
  return {
    links: {
      self: { href: url },
      cloud_controller_v3: { href: `${url}/v3`, meta: { version: '3.200.0' } },
      uaa: { href: `${url}/uaa` },
      login: { href: `${url}/uaa` },
      network_policy_v1: null,
    },
  };
}

function send(response: http.ServerResponse, status: number, json: unknown): void {
  if (!response.hasHeader('Content-Type')) response.setHeader('Content-Type', 'application/json');
  response.writeHead(status).end(JSON.stringify(json));
}

interface Said {
  readonly status: number;
  readonly json: unknown;
}

type Refusal = readonly [code: number, title: string, detail: string];

const NOT_AUTHENTICATED: Refusal = [10_002, 'CF-NotAuthenticated', 'Authentication error'];
const INVALID_TOKEN: Refusal = [1000, 'CF-InvalidAuthToken', 'Invalid Auth Token'];
const NOT_AUTHORIZED: Refusal = [10_003, 'CF-NotAuthorized', 'You are not authorized'];
const NOT_FOUND: Refusal = [10_010, 'CF-ResourceNotFound', 'Not found'];
const BAD_PER_PAGE: Refusal = [
  10_005,
  'CF-BadQueryParameter',
  'Per page must be between 1 and 5000',
];

function refusal(status: number, [code, title, detail]: Refusal): Said {
  return { status, json: { errors: [{ code, title, detail }] } };
}
