/**
 * External exporters: programs outside the platform that expose metrics of an app; each scrape asks
 * each exporter once per app (Promfetcher's `external_exporters`).
 *
 * Parameters may hold Go-template actions that name a tag of the app, as `{{.AppID}}`. Reading the
 * configuration refuses all other syntax of Go templates.
 */
import type { AppIdentity } from '../discover/app-identity.ts';
import type { Instance } from '../discover/instance.ts';
import type { ScrapeTarget } from './target.ts';

/** One entry of `external_exporters` as the configuration writes it. */
export interface ExporterSettings {
  /** Default: host and path. */
  readonly name?: string;
  /** `host` or `host:port` */
  readonly host: string;
  /** Default: `/metrics`. */
  readonly metrics_path?: string;
  /** `http` (default) or `https`. */
  readonly scheme?: string;
  readonly params?: Readonly<Record<string, readonly string[]>>;
}

export interface ExternalExporter {
  readonly name: string;
  readonly host: string;
  readonly path: string;
  readonly scheme: 'http' | 'https';
  readonly params: ReadonlyMap<string, readonly Template[]>;
}

/** Pieces of text and names of tags, in their order. */
type Template = readonly (string | { readonly tag: string })[];

/** An unusable entry of `external_exporters`. */
export class ExporterError extends Error {
  override readonly name = 'ExporterError';
}

/** Promfetcher's names of an app's tags. Tags of a single instance are empty for an exporter. */
const TAGS: ReadonlyMap<string, (app: AppIdentity, tags: Tags) => string> = new Map<
  string,
  (app: AppIdentity, tags: Tags) => string
>([
  ['ProcessType', () => 'external_exporter'],
  ['ProcessInstanceID', () => ''],
  ['Component', () => 'promfetcher'],
  ['InstanceID', () => ''],
  ['SpaceName', (app) => app.spaceName],
  ['OrganizationID', (app) => app.organizationId],
  ['ProcessID', () => ''],
  ['OrganizationName', (app) => app.organizationName],
  ['SourceID', (_app, tags) => tags['source_id'] ?? ''],
  ['AppID', (app) => app.appId],
  ['AppName', (app) => app.appName],
  ['SpaceID', (app) => app.spaceId],
]);

type Tags = Readonly<Record<string, string>>;

/**
 * Reads one entry of `external_exporters`.
 *
 * @throws {ExporterError} naming the key and the value that cannot be used
 */
export function parseExporter(settings: ExporterSettings): ExternalExporter {
  const { host, scheme = 'http', params = {} } = settings;
  const path = settings.metrics_path || '/metrics';
  if (!/^([^\s/:@?#[\]\\]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i.test(host)) {
    throw new ExporterError(`host ${JSON.stringify(host)} must be host or host:port`);
  }
  if (scheme !== 'http' && scheme !== 'https') {
    throw new ExporterError(`scheme ${JSON.stringify(scheme)} must be http or https`);
  }
  if (!/^\/(?!\/)[\x21-\x7e]*$/.test(path) || /[\\#]/.test(path)) {
    throw new ExporterError(
      `metrics_path ${JSON.stringify(path)} must be a path that begins with exactly one /`,
    );
  }
  const templates = Object.entries(params).map(([key, values]): [string, Template[]] => [
    key,
    values.map(parseTemplate),
  ]);
  templates.sort(([a], [b]) => (a < b ? -1 : 1)); // Go encodes parameters in this order
  return {
    name: settings.name || `${host}${path}`,
    host,
    path,
    scheme,
    params: new Map(templates),
  };
}

/**
 * Reads the value of a parameter.
 *
 * @param text - text with actions `{{.Name}}`, blanks around `.Name` allowed
 * @throws {ExporterError} naming any other action, or a name that is no tag
 */
export function parseTemplate(text: string): Template {
  const parts: (string | { readonly tag: string })[] = [];
  let from = 0;
  for (let open = text.indexOf('{{'); open >= 0; open = text.indexOf('{{', from)) {
    const close = text.indexOf('}}', open);
    if (close < 0)
      throw new ExporterError(`${JSON.stringify(text.slice(open))} lacks the closing }}`);
    const action = text.slice(open, close + 2);
    const tag = /^\{\{[ \t\r\n]*\.(\w+)[ \t\r\n]*\}\}$/.exec(action)?.[1];
    if (tag === undefined || !TAGS.has(tag)) {
      throw new ExporterError(
        `${JSON.stringify(action)} is none of ${[...TAGS.keys()].map((name) => `{{.${name}}}`).join(', ')}`,
      );
    }
    parts.push(text.slice(from, open), { tag });
    from = close + 2;
  }
  parts.push(text.slice(from));
  return parts;
}

/** How to ask `exporter` about the app of `instance`. */
export function exporterTarget(exporter: ExternalExporter, instance: Instance): ScrapeTarget {
  const { host, scheme } = exporter;
  const { app, endpoint } = instance;
  const tls = scheme === 'https';
  return {
    instance: undefined,
    exporter: exporter.name,
    address: /:\d+$/.test(host) ? host : `${host}:${tls ? 443 : 80}`,
    tls,
    serverName: '',
    trust: 'system',
    http2: false,
    host,
    path: exporterPath(exporter, instance),
    headers: [],
    timeoutMs: undefined,
    oneOfSeveral: false,
    space: app.spaceId || `${app.organizationName}/${app.spaceName}`,
    app: app.appId || endpoint.address,
  };
}

/** The request target: parameters replace those of the same name in the configured path. */
function exporterPath({ path, params }: ExternalExporter, { app, endpoint }: Instance): string {
  if (params.size === 0) return path;
  const [pathname = '', query = ''] = path.split('?', 2);
  const search = new URLSearchParams(query);
  for (const [key, templates] of params) {
    search.delete(key);
    for (const template of templates) search.append(key, resolve(template, app, endpoint.tags));
  }
  return `${pathname}?${search}`;
}

function resolve(template: Template, app: AppIdentity, tags: Tags): string {
  return template
    .map((part) => (typeof part === 'string' ? part : (TAGS.get(part.tag)?.(app, tags) ?? '')))
    .join('');
}
