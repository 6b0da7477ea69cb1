/**
 * Reads the database that Cloud Foundry binds to the app. Its tag identifies it, since a service
 * may have any name.
 *
 * The credentials hold a URI, as those of most services do, or the parts of one.
 *
 * @see https://docs.cloudfoundry.org/devguide/deploy-apps/environment-variable.html#VCAP-SERVICES
 */
import type { Layer, SourceReading } from './layer.ts';
import { isMapping } from './setting.ts';
import { parse } from './vcap.ts';

type Mapping = Readonly<Record<string, unknown>>;

/** Tag -> scheme of the URL. */
const TAGS: Readonly<Record<string, string>> = {
  postgres: 'postgres',
  postgresql: 'postgres',
  mysql: 'mysql',
  mariadb: 'mysql',
};
/** The tag that selects one of several bound databases. */
const CHOSEN = 'promgate-database';

const NOTHING: SourceReading = { layers: [], faults: [] };

/**
 * @param text - the text of VCAP_SERVICES, which may be malformed
 * @returns the layer with `database.url`, or a fault; call this only if no stronger source sets it
 */
export function readDatabaseService(text: string | undefined): SourceReading {
  const services = parse(text ?? '');
  if (!isMapping(services)) return NOTHING;
  const databases = Object.values(services)
    .flat()
    .filter(isMapping)
    .filter((service) => schemeOf(service) !== undefined);
  const chosen = databases.filter((service) => tagsOf(service).includes(CHOSEN));
  const [service, ...others] = chosen.length > 0 ? chosen : databases;
  if (service === undefined) return NOTHING;
  if (others.length > 0) {
    const names = [service, ...others].map(nameOf).join(', ');
    return fault(`several databases are bound (${names}): tag one of them ${CHOSEN}`);
  }
  const url = urlOf(service['credentials'], schemeOf(service) ?? '');
  if (url === undefined)
    return fault(`service ${nameOf(service)}: its credentials hold no uri, and no host and name`);
  const place = `VCAP_SERVICES, service ${nameOf(service)}`;
  const layer: Layer = {
    values: { database: { url } },
    origin: () => place,
    json: true,
    single: false,
  };
  return { layers: [layer], faults: [] };
}

function fault(text: string): SourceReading {
  return { layers: [], faults: [`VCAP_SERVICES: ${text}`] };
}

function tagsOf({ tags }: Mapping): readonly unknown[] {
  return Array.isArray(tags) ? tags : [];
}

function schemeOf(service: Mapping): string | undefined {
  for (const tag of tagsOf(service)) {
    const name = String(tag).toLowerCase();
    if (Object.hasOwn(TAGS, name)) return TAGS[name];
  }
  return undefined;
}

function nameOf({ name }: Mapping): string {
  return JSON.stringify(name ?? '').slice(0, 80);
}

function urlOf(credentials: unknown, scheme: string): string | undefined {
  if (!isMapping(credentials)) return undefined;
  for (const key of ['uri', 'url']) {
    const url = credentials[key];
    if (typeof url === 'string' && /^[a-z0-9]+:\/\//.test(url)) return url;
  }
  const part = (...keys: readonly string[]): string => {
    const key = keys.find((name) => ['string', 'number'].includes(typeof credentials[name]));
    return key === undefined ? '' : encodeURIComponent(String(credentials[key]));
  };
  const named = part('hostname', 'host');
  const host = named.includes('%3A') ? `[${decodeURIComponent(named)}]` : named; // IPv6
  const name = part('name', 'database', 'dbname');
  if (host === '' || name === '') return undefined;
  const port = part('port');
  const user = `${part('username', 'user')}:${part('password')}`;
  return `${scheme}://${user}@${host}${port === '' ? '' : `:${port}`}/${name}`;
}
