/**
 * Reads the database and the Redis that Cloud Foundry binds to the app. Their tags identify them,
 * since a service may have any name.
 *
 * The credentials hold a URI, as those of most services do, or the parts of one.
 *
 * @see https://docs.cloudfoundry.org/devguide/deploy-apps/environment-variable.html#VCAP-SERVICES
 */

import { type BoundService, type ServiceSource, serviceName } from './bound-service.ts';
import { hasAccounts } from './broker.ts';
import type { Layer, SourceReading } from './layer.ts';
import { isMapping } from './setting.ts';

type Mapping = Readonly<Record<string, unknown>>;

/** The kind of a bound service that sets the `url` of a section. */
interface BoundKind {
  readonly section: string;
  /** For messages: several of these are bound. */
  readonly plural: string;
  /** Tag -> scheme of the URL. */
  readonly tags: Readonly<Record<string, string>>;
  /** The tag or name that selects one of several bound services. */
  readonly chosen: string;
  /** The scheme for a service that only its name identifies, as a user-provided one without tags. */
  readonly namedScheme?: string;
  readonly urlOf: (credentials: Mapping, scheme: string) => string | undefined;
  /** What the credentials must hold, for messages. */
  readonly needs: string;
  /** More for messages, where files with attributes of the binding hide credentials. */
  readonly hidden?: string;
}

const DATABASE: BoundKind = {
  section: 'database',
  plural: 'databases',
  tags: { postgres: 'postgres', postgresql: 'postgres', mysql: 'mysql', mariadb: 'mysql' },
  chosen: 'promgate-database',
  urlOf: databaseUrl,
  needs: 'no uri, and no host and name',
  hidden:
    '; the file name holds the name of the binding, so the database must be in uri, database or dbname',
};

const REDIS: BoundKind = {
  section: 'redis',
  plural: 'Redis services',
  tags: { redis: 'redis', valkey: 'redis' },
  chosen: 'promgate-redis',
  namedScheme: 'redis',
  urlOf: redisUrl,
  needs: 'no uri, and no host',
};

/**
 * Reads the URLs of bound services, as far as no stronger source sets them. Only a broker needs a
 * database.
 */
export function readBoundUrls(
  weaker: readonly SourceReading[],
  stronger: readonly SourceReading[],
  services: readonly BoundService[],
): SourceReading[] {
  const sections = (readings: readonly SourceReading[], key: string): unknown[] =>
    readings
      .flatMap(({ layers }) => layers)
      .map(({ values }) => (isMapping(values) ? values[key] : undefined));
  const isSet = (key: string): boolean =>
    sections(stronger, key).some((one) => isMapping(one) && one['url'] !== undefined);
  const hasBroker = sections([...weaker, ...stronger], 'broker').some(hasAccounts);
  return [
    ...(hasBroker && !isSet('database') ? [readBoundUrl(services, DATABASE)] : []),
    ...(isSet('redis') ? [] : [readBoundUrl(services, REDIS)]),
  ];
}

const NOTHING: SourceReading = { layers: [], faults: [] };

function readBoundUrl(services: readonly BoundService[], kind: BoundKind): SourceReading {
  const fitting = services.filter((service) => schemeOf(service, kind) !== undefined);
  const chosen = fitting.filter((service) => isChosen(service, kind));
  const [service, ...others] = chosen.length > 0 ? chosen : fitting;
  if (service === undefined) return NOTHING;
  const { credentials, source } = service;
  if (others.length > 0) {
    const names = [service, ...others].map(serviceName).join(', ');
    return fault(
      source,
      `several ${kind.plural} are bound (${names}): tag one of them ${kind.chosen}`,
    );
  }
  const scheme = schemeOf(service, kind) ?? '';
  const url = isMapping(credentials) ? kind.urlOf(credentials, scheme) : undefined;
  if (url === undefined) {
    const hidden = source === 'SERVICE_BINDING_ROOT' ? (kind.hidden ?? '') : '';
    const lack = `its credentials hold ${kind.needs}${hidden}`;
    return fault(source, `service ${serviceName(service)}: ${lack}`);
  }
  const place = `${source}, service ${serviceName(service)}`;
  const layer: Layer = {
    values: { [kind.section]: { url } },
    origin: () => place,
    json: true,
    single: false,
  };
  return { layers: [layer], faults: [] };
}

function fault(source: ServiceSource, text: string): SourceReading {
  return { layers: [], faults: [`${source}: ${text}`] };
}

function isChosen({ name, tags }: BoundService, { chosen }: BoundKind): boolean {
  return name === chosen || tags.includes(chosen);
}

function schemeOf(
  { name, tags }: BoundService,
  { tags: known, chosen, namedScheme }: BoundKind,
): string | undefined {
  for (const tag of tags) {
    const word = tag.toLowerCase();
    if (Object.hasOwn(known, word)) return known[word];
  }
  return name === chosen ? namedScheme : undefined;
}

function uriOf(credentials: Mapping): string | undefined {
  for (const key of ['uri', 'url']) {
    const url = credentials[key];
    if (typeof url === 'string' && /^[a-z0-9]+:\/\//.test(url)) return url;
  }
  return undefined;
}

/** The first of the keys that is set, percent-encoded; '' if none is. */
function part(credentials: Mapping, ...keys: readonly string[]): string {
  const key = keys.find((name) => ['string', 'number'].includes(typeof credentials[name]));
  return key === undefined ? '' : encodeURIComponent(String(credentials[key]));
}

function hostOf(credentials: Mapping): string {
  const named = part(credentials, 'hostname', 'host');
  return named.includes('%3A') ? `[${decodeURIComponent(named)}]` : named; // IPv6
}

function databaseUrl(credentials: Mapping, scheme: string): string | undefined {
  const uri = uriOf(credentials);
  if (uri !== undefined) return uri;
  const host = hostOf(credentials);
  const name = part(credentials, 'name', 'database', 'dbname');
  if (host === '' || name === '') return undefined;
  const port = part(credentials, 'port');
  const user = `${part(credentials, 'username', 'user')}:${part(credentials, 'password')}`;
  return `${scheme}://${user}@${host}${port === '' ? '' : `:${port}`}/${name}`;
}

/** Services that offer TLS beside plain connections name its port `tls_port`. */
function redisUrl(credentials: Mapping, scheme: string): string | undefined {
  const uri = uriOf(credentials);
  if (uri !== undefined) return uri;
  const host = hostOf(credentials);
  if (host === '') return undefined;
  const tlsPort = part(credentials, 'tls_port');
  const usesTls = Number(tlsPort) > 0;
  const port = usesTls ? tlsPort : part(credentials, 'port');
  const user = `${part(credentials, 'username', 'user')}:${part(credentials, 'password')}`;
  const account = user === ':' ? '' : `${user}@`;
  return `${scheme}${usesTls ? 's' : ''}://${account}${host}${port === '' ? '' : `:${port}`}`;
}
