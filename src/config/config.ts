/**
 * The configuration: it is read once, reports all its faults together, and is frozen.
 *
 * Precedence: command line, environment, VCAP_SERVICES, file. `schema.ts` defines the keys, and
 * `names.ts` gives them the program's names.
 */
import { hasAccounts } from './broker.ts';
import { certificateFaults } from './certificate.ts';
import { cfApiFaults } from './cf-api.ts';
import { DatabaseUrlError, parseDatabaseUrl } from './database-url.ts';
import { effectiveValues, printYaml } from './effective.ts';
import { type Flag, readEnvironment, readFlags } from './environment.ts';
import { ConfigError, faultLines } from './fault.ts';
import { readConfigFile } from './file.ts';
import { join, type SourceReading, valueAt } from './layer.ts';
import { toConfig } from './names.ts';
import { printSize } from './quantity.ts';
import { parseRedisUrl, RedisUrlError } from './redis-url.ts';
import { schema, type Values } from './schema.ts';
import { readBoundServices } from './service-bindings.ts';
import { readOwnApp, readServices } from './vcap.ts';
import { readBoundUrls } from './vcap-bound.ts';

export { ConfigError } from './fault.ts';

/** At most this many faults are printed; the others are only counted. */
const MAX_FAULTS = 100;

type Environment = Readonly<Record<string, string | undefined>>;

export interface ConfigSources {
  /** A YAML file. */
  readonly file?: string | undefined;
  readonly environment?: Environment;
  /** The settings of the command line. */
  readonly flags?: readonly Flag[];
  /** Values nested as in the file, in place of the defaults; every other source overrides them. */
  readonly values?: unknown;
  /** The memory that the process may use: the cgroup's limit, or the machine's memory. */
  readonly memoryBytes: number;
}

export type Config = Frozen<ReturnType<typeof toConfig>>;

/** @throws {ConfigError} with every fault of every source */
export async function readConfig(sources: ConfigSources): Promise<Config> {
  return (await read(sources)).config;
}

/** The effective configuration for `promgate check`: YAML with secrets masked, and warnings. */
export async function describeConfig(
  sources: ConfigSources,
): Promise<{ readonly yaml: string; readonly warnings: readonly string[] }> {
  const { config, given } = await read(sources);
  const { scrape, cache, push } = config;
  const computed = {
    scrape: { max_bytes: printSize(scrape.maxBytes), loop_id: scrape.loopId },
    cache: { max_bytes: printSize(cache.maxBytes) },
    ...(push && {
      push: {
        durability: push.durability,
        file: push.file,
        limits: { total_series: push.limits.totalSeries },
      },
    }),
  };
  const values = join(schema, [computed, given]);
  return {
    yaml: await printYaml(effectiveValues(schema, values)),
    warnings: [...configWarnings(config), ...configAdvice(config)],
  };
}

/** Safer settings, which `promgate check` recommends; a start does not print them. */
function configAdvice({ routes, scrape }: Config): string[] {
  if (!scrape.tls || !scrape.plainCredentials || routes.requireTls) return [];
  return [
    "scrape.plain_credentials is true: a reader's Authorization and the headers of bindings also go to " +
      'endpoints without TLS; since scrape.tls is set, set it to false to send them over TLS only',
  ];
}

/** Warnings about allowed but risky settings, for `promgate check` and every start. */
export function configWarnings(config: Config): string[] {
  const { auth, broker, database, endpoints, kafka, listen, redis, routes } = config;
  const warnings: string[] = [];
  const loopback = isLoopback(listen.host);
  if (auth.mode === 'open' && !loopback) {
    const whoever = `whoever reaches ${listen.host} port ${listen.port} reads the metrics of all apps`;
    const remedy = 'set auth.mode to basic, token or both, or listen.host to 127.0.0.1';
    warnings.push(`auth.mode is open: ${whoever}; ${remedy}`);
  }
  if (auth.mode === 'open' && endpoints && !loopback) {
    const whoever = `whoever reaches ${listen.host} port ${listen.port} lets promgate ask what endpoints.allow names`;
    warnings.push(
      `auth.mode is open: ${whoever}; set auth.mode to basic, or listen.host to 127.0.0.1`,
    );
  }
  if (auth.mode !== 'open' && !listen.tls && !loopback) {
    const mode = `auth.mode is ${auth.mode} without listen.tls`;
    warnings.push(`${mode}: passwords and tokens need TLS in front of promgate`);
  }
  if (auth.mode !== 'open' && auth.operators.length === 0) {
    warnings.push("auth.operators is empty: nobody can read promgate's own /metrics");
  }
  if (broker && database.encryptionKey === undefined) {
    const where = 'promgate keeps the key of tokens and headers beside them in the database';
    warnings.push(`database.encryption_key is not set: ${where}`);
  }
  const { gorouter, nats, cfApi, file } = routes;
  if (gorouter.length === 0 && !nats && !cfApi && file === undefined) {
    warnings.push('routes names no source: no app will be found');
  }
  if (kafka?.sasl && !kafka.tls) {
    warnings.push(
      'kafka.sasl is set without kafka.tls: the events, and a plain password, travel open',
    );
  }
  if (redis && isOpenPassword(redis)) {
    warnings.push(
      'redis.url holds a password and asks for no TLS: the password travels open; write rediss://',
    );
  }
  return [...warnings, ...pushWarnings(config)];
}

function pushWarnings({ auth, listen, push }: Config): string[] {
  if (!push) return [];
  const { durability, bestDurability, losesFiles } = push;
  const warnings: string[] = [];
  if (push.open && auth.mode !== 'open') {
    warnings.push(`push.open has no effect: auth.mode is ${auth.mode}, so pushes need a token`);
  }
  if (push.open && auth.mode === 'open' && !isLoopback(listen.host)) {
    const ports = push.port === undefined ? `port ${listen.port}` : 'its ports';
    const whoever = `whoever reaches ${listen.host}, ${ports}, pushes and deletes metrics`;
    warnings.push(`push.open is true: ${whoever}; use bindings of the plan push and their tokens`);
  }
  if (durability === 'memory' && bestDurability !== 'memory') {
    const place = bestDurability === 'disk' ? 'a database file' : 'Redis';
    const lost = `pushes are lost at a restart, though there is ${place}`;
    warnings.push(`push.durability is memory: ${lost}; set it to ${bestDurability}`);
  }
  if (durability === 'disk' && losesFiles) {
    const lost = 'on Cloud Foundry pushes are lost with the container';
    warnings.push(`push.durability is disk: ${lost}; bind a Redis service, and set it to shared`);
  }
  for (const { name, url, auth: credentials } of push.remoteWrite) {
    if (credentials.kind === 'none' || !/^http:/i.test(url)) continue;
    if (isLoopback(new URL(url).hostname)) continue;
    warnings.push(`push.remote_write, ${name}: its auth is sent without TLS; use https`);
  }
  return warnings;
}

function isOpenPassword({ address, tls }: NonNullable<Config['redis']>): boolean {
  const usesTls = address.usesTls || tls !== undefined;
  return address.password !== undefined && !usesTls && !isLoopback(address.host);
}

function isLoopback(host: string): boolean {
  return /^(?:127(?:\.\d{1,3}){1,3}|localhost|::1)$/.test(host);
}

async function read(sources: ConfigSources): Promise<{ config: Config; given: unknown }> {
  const { file, environment = {}, flags = [], values, memoryBytes } = sources;
  const weaker: readonly SourceReading[] = [
    { layers: [{ values, origin: () => '', json: false, single: false }], faults: [] },
    file === undefined ? { layers: [], faults: [] } : await readConfigFile(file),
  ];
  const bound = await readBoundServices(environment);
  const stronger: readonly SourceReading[] = [
    { layers: [], faults: bound.faults },
    readServices(schema, bound.services),
    readEnvironment(schema, environment),
    readFlags(schema, flags),
  ];
  const urls = readBoundUrls(weaker, stronger, bound.services);
  const readings = [...weaker, ...urls, ...stronger];
  const layers = readings.flatMap((reading) => reading.layers);
  const given = join(
    schema,
    layers.map((layer) => layer.values),
  );
  const result = schema.safeParse(given ?? {});
  const ownApp = readOwnApp(environment['VCAP_APPLICATION'], environment['CF_INSTANCE_INDEX']);
  const faults = [
    ...readings.flatMap((reading) => reading.faults),
    ...(result.error?.issues ?? []).flatMap((issue) => faultLines(issue, schema, given, layers)),
    ...(await certificateFaults(schema, given, layers)),
    ...urlFaults(result.data),
    ...cfApiFaults(result.data?.routes.cf_api, ownApp),
    ...lostDatabase(result.data, environment),
    ...forgedIdentities(result.data, environment),
  ];
  if (!result.success || faults.length > 0) {
    const rest = faults.length - MAX_FAULTS;
    throw new ConfigError(
      rest > 0 ? [...faults.slice(0, MAX_FAULTS), `and ${rest} more faults`] : faults,
    );
  }
  const machine = {
    ...{ memoryBytes, ownApp, identity: readIdentity(environment) },
    losesFiles: environment['VCAP_APPLICATION'] !== undefined,
    namesDatabase: valueAt(given, ['database', 'url']) !== undefined,
  };
  return { config: freeze(toConfig(result.data, machine)), given };
}

function urlFaults(values: Values | undefined): string[] {
  if (!values) return [];
  const { database, redis } = values;
  return [
    ...urlFault('database.url', () => parseDatabaseUrl(database.url)),
    ...(redis ? urlFault('redis.url', () => parseRedisUrl(redis.url)) : []),
  ];
}

function urlFault(key: string, parseUrl: () => unknown): string[] {
  try {
    parseUrl();
    return [];
  } catch (error) {
    if (!(error instanceof DatabaseUrlError || error instanceof RedisUrlError)) throw error;
    return [`${key} cannot be used: ${error.message}`];
  }
}

/** The files of promgate's own instance identity, which Cloud Foundry renews. */
function readIdentity(environment: Environment) {
  const [certFile, keyFile] = [environment['CF_INSTANCE_CERT'], environment['CF_INSTANCE_KEY']];
  return certFile && keyFile ? { certFile, keyFile } : undefined;
}

/** On Cloud Foundry the disk of a container is lost with the container. */
function lostDatabase(values: Values | undefined, environment: Environment): string[] {
  const onPlatform = environment['VCAP_APPLICATION'] !== undefined;
  if (!onPlatform || !values?.database.url.startsWith('sqlite:')) return [];
  const { broker } = values;
  if (!hasAccounts(broker) || broker.ephemeral) return [];
  const lost = 'is SQLite, which is lost with the container on Cloud Foundry';
  return [`database.url ${lost}: bind a database service, or set broker.ephemeral to accept that`];
}

/** In a container any app with a network policy reaches the port behind gorouter's TLS. */
function forgedIdentities(values: Values | undefined, environment: Environment): string[] {
  const onPlatform = environment['VCAP_APPLICATION'] !== undefined;
  if (!onPlatform || !values?.auth.identity?.gorouter) return [];
  const why = 'any app with a network policy could forge X-Forwarded-Client-Cert there';
  return [`auth.identity.gorouter cannot be used in a pushed app: ${why}; use auth.identity.tls`];
}

type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

function freeze<T>(value: T): Frozen<T> {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) freeze(inner);
    Object.freeze(value);
  }
  return value as Frozen<T>; // frozen above
}
