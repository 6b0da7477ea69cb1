/**
 * The configuration: it is read once, reports all its faults together, and is frozen.
 *
 * Precedence: command line, environment, VCAP_SERVICES, file. `schema.ts` defines the keys; this
 * file gives them the program's names, with units at their end, and the defaults that depend on the
 * machine.
 */
import { certificateFaults } from './certificate.ts';
import { tlsFiles } from './credentials.ts';
import { DatabaseUrlError, parseDatabaseUrl } from './database-url.ts';
import { effectiveValues, printYaml } from './effective.ts';
import { type Flag, readEnvironment, readFlags } from './environment.ts';
import { ConfigError, faultLines } from './fault.ts';
import { readConfigFile } from './file.ts';
import { toKafka } from './kafka.ts';
import { join, type SourceReading } from './layer.ts';
import { printSize } from './quantity.ts';
import { toRedis } from './redis.ts';
import { parseRedisUrl, RedisUrlError } from './redis-url.ts';
import { schema, type Values } from './schema.ts';
import { readApplicationId, readServices } from './vcap.ts';
import { readBoundServices } from './vcap-bound.ts';

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
  const { scrape } = config;
  const computed = { max_bytes: printSize(scrape.maxBytes), loop_id: scrape.loopId };
  const values = join(schema, [{ scrape: computed }, given]);
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
export function configWarnings({
  auth,
  broker,
  database,
  kafka,
  listen,
  routes,
}: Config): string[] {
  const warnings: string[] = [];
  const loopback = /^(?:127(?:\.\d{1,3}){1,3}|localhost|::1)$/.test(listen.host);
  if (auth.mode === 'open' && !loopback) {
    const whoever = `whoever reaches ${listen.host} port ${listen.port} reads the metrics of all apps`;
    const remedy = 'set auth.mode to basic, token or both, or listen.host to 127.0.0.1';
    warnings.push(`auth.mode is open: ${whoever}; ${remedy}`);
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
  if (routes.gorouter.length === 0 && !routes.nats && routes.file === undefined) {
    warnings.push('routes names no source: no app will be found');
  }
  if (kafka?.sasl && !kafka.tls) {
    warnings.push(
      'kafka.sasl is set without kafka.tls: the events, and a plain password, travel open',
    );
  }
  return warnings;
}

async function read(sources: ConfigSources): Promise<{ config: Config; given: unknown }> {
  const { file, environment = {}, flags = [], values, memoryBytes } = sources;
  const weaker: readonly SourceReading[] = [
    { layers: [{ values, origin: () => '', json: false, single: false }], faults: [] },
    file === undefined ? { layers: [], faults: [] } : await readConfigFile(file),
  ];
  const stronger: readonly SourceReading[] = [
    readServices(schema, environment['VCAP_SERVICES']),
    readEnvironment(schema, environment),
    readFlags(schema, flags),
  ];
  const bound = readBoundServices(weaker, stronger, environment['VCAP_SERVICES']);
  const readings = [...weaker, ...bound, ...stronger];
  const layers = readings.flatMap((reading) => reading.layers);
  const given = join(
    schema,
    layers.map((layer) => layer.values),
  );
  const result = schema.safeParse(given ?? {});
  const faults = [
    ...readings.flatMap((reading) => reading.faults),
    ...(result.error?.issues ?? []).flatMap((issue) => faultLines(issue, schema, given, layers)),
    ...(await certificateFaults(schema, given, layers)),
    ...urlFaults(result.data),
    ...lostDatabase(result.data, environment),
  ];
  if (!result.success || faults.length > 0) {
    const rest = faults.length - MAX_FAULTS;
    throw new ConfigError(
      rest > 0 ? [...faults.slice(0, MAX_FAULTS), `and ${rest} more faults`] : faults,
    );
  }
  const machine = { memoryBytes, appId: readApplicationId(environment['VCAP_APPLICATION']) };
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

/** On Cloud Foundry the disk of a container is lost with the container. */
function lostDatabase(values: Values | undefined, environment: Environment): string[] {
  const onPlatform = environment['VCAP_APPLICATION'] !== undefined;
  if (!onPlatform || !values?.database.url.startsWith('sqlite:')) return [];
  const broker = toBroker(values.broker);
  if (broker === undefined || broker.ephemeral) return [];
  const lost = 'is SQLite, which is lost with the container on Cloud Foundry';
  return [`database.url ${lost}: bind a database service, or set broker.ephemeral to accept that`];
}

interface Machine {
  readonly memoryBytes: number;
  readonly appId: string | undefined;
}

function toConfig(values: Values, { memoryBytes, appId }: Machine) {
  const { listen, routes, scrape, auth } = values;
  return {
    listen: {
      host: listen.host,
      port: listen.port,
      tls: listen.tls && {
        certFile: listen.tls.cert,
        keyFile: listen.tls.key,
        clientCaFile: listen.tls.client_ca,
      },
      healthPort: listen.health_port,
      maxConnections: listen.max_connections,
    },
    routes: {
      gorouter: routes.gorouter.map((gorouter) => ({
        url: gorouter.url,
        username: gorouter.username,
        password: gorouter.password,
        intervalMs: gorouter.interval,
        maxBodyBytes: gorouter.max_body,
        tls: tlsFiles(gorouter.tls),
      })),
      nats: routes.nats && {
        servers: routes.nats.servers,
        username: routes.nats.username,
        password: routes.nats.password,
        tls: tlsFiles(routes.nats.tls),
        registerIntervalMs: routes.nats.register_interval,
        enough: routes.nats.enough,
        greet: routes.nats.greet,
      },
      file: routes.file,
      maxAgeMs: routes.max_age,
      requireTls: routes.require_tls,
    },
    scrape: {
      timeoutMs: scrape.timeout,
      maxTimeoutMs: scrape.max_timeout,
      concurrency: scrape.concurrency,
      perApp: scrape.per_app,
      maxRequests: scrape.max_requests,
      maxBodyBytes: scrape.max_body,
      maxBytes: scrape.max_bytes ?? Math.max(scrape.max_body, Math.floor(memoryBytes / 4)),
      labelConflict: scrape.label_conflict,
      exportJob: scrape.export_job,
      plainCredentials: scrape.plain_credentials,
      loopId: scrape.loop_id ?? appId ?? 'promgate',
      tls: tlsFiles(scrape.tls),
    },
    externalExporters: values.external_exporters.map((exporter) => ({
      name: exporter.name ?? `${exporter.host}${exporter.metrics_path}`,
      host: exporter.host,
      metricsPath: exporter.metrics_path,
      scheme: exporter.scheme,
      params: exporter.params,
    })),
    auth: {
      mode: auth.mode,
      operators: auth.operators,
      maxStaleMs: auth.max_stale,
      trustedProxies: auth.trusted_proxies,
    },
    broker: toBroker(values.broker),
    database: {
      address: parseDatabaseUrl(values.database.url),
      tls: tlsFiles(values.database.tls),
      encryptionKey: values.database.encryption_key,
      oldEncryptionKeys: values.database.old_encryption_keys,
    },
    log: { level: values.log.level },
    drain: { waitMs: values.drain.wait },
    sd: { address: values.sd.address, scheme: values.sd.scheme },
    cache: { mode: values.cache.mode },
    redis: toRedis(values.redis),
    kafka: toKafka(values.kafka),
  };
}

/** Undefined if there is no account: promgate then mounts no broker and opens no database. */
function toBroker(broker: Values['broker']) {
  const { username, password } = broker;
  const first = username !== undefined && password !== undefined ? [{ username, password }] : [];
  const accounts = [...first, ...broker.accounts];
  if (accounts.length === 0) return undefined;
  return {
    accounts,
    serviceId: broker.service_id,
    planId: broker.plan_id,
    serviceName: broker.service_name,
    planName: broker.plan_name,
    url: broker.url,
    maxCacheMs: broker.max_cache,
    adopt: broker.adopt,
    ephemeral: broker.ephemeral,
  };
}

type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

function freeze<T>(value: T): Frozen<T> {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) freeze(inner);
    Object.freeze(value);
  }
  return value as Frozen<T>; // frozen above
}
