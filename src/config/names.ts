/**
 * The configuration with the program's names: units at their end, and the defaults that depend on
 * the machine.
 */
import { toCfApi } from './cf-api.ts';
import { tlsFiles } from './credentials.ts';
import { parseDatabaseUrl } from './database-url.ts';
import { toKafka } from './kafka.ts';
import { toPush } from './push-names.ts';
import { toRedis } from './redis.ts';
import type { Values } from './schema.ts';
import type { OwnApp } from './vcap.ts';

export interface Machine {
  readonly memoryBytes: number;
  /** What promgate is on Cloud Foundry. */
  readonly ownApp: OwnApp | undefined;
  /** The files of the instance identity that the platform gives promgate; undefined outside of it. */
  readonly identity: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** Whether files are lost with the container, as on Cloud Foundry. */
  readonly losesFiles: boolean;
  /** Whether a source of the configuration sets `database.url`. */
  readonly namesDatabase: boolean;
}

export function toConfig(values: Values, machine: Machine) {
  const { memoryBytes, ownApp } = machine;
  const { listen, routes } = values;
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
      cfApi: toCfApi(routes.cf_api, ownApp),
      file: routes.file,
      maxAgeMs: routes.max_age,
      requireTls: routes.require_tls,
    },
    scrape: toScrape(values, machine),
    externalExporters: values.external_exporters.map((exporter) => ({
      name: exporter.name ?? `${exporter.host}${exporter.metrics_path}`,
      host: exporter.host,
      metricsPath: exporter.metrics_path,
      scheme: exporter.scheme,
      params: exporter.params,
    })),
    auth: toAuth(values.auth),
    broker: toBroker(values),
    database: {
      address: parseDatabaseUrl(values.database.url),
      tls: tlsFiles(values.database.tls),
      encryptionKey: values.database.encryption_key,
      oldEncryptionKeys: values.database.old_encryption_keys,
    },
    ownApp,
    ...{ log: { level: values.log.level }, drain: { waitMs: values.drain.wait } },
    sd: { address: values.sd.address, scheme: values.sd.scheme },
    cache: toCache(values, memoryBytes),
    redis: toRedis(values.redis),
    kafka: toKafka(values.kafka),
    endpoints: toEndpoints(values.endpoints, memoryBytes),
    push: toPush(values.push, surroundings(values, machine)),
  };
}

function toScrape(values: Pick<Values, 'scrape' | 'routes'>, machine: Machine) {
  const { scrape } = values;
  return {
    timeoutMs: scrape.timeout,
    maxTimeoutMs: scrape.max_timeout,
    concurrency: scrape.concurrency,
    perApp: scrape.per_app,
    ...{ maxRequests: scrape.max_requests, maxIdle: scrape.max_idle },
    maxBodyBytes: scrape.max_body,
    maxBytes: scrape.max_bytes ?? Math.max(scrape.max_body, Math.floor(machine.memoryBytes / 4)),
    labelConflict: scrape.label_conflict,
    exportJob: scrape.export_job,
    plainCredentials: scrape.plain_credentials,
    via: scrape.via,
    router: toRouter(scrape.router ?? secureOrigin(values.routes.cf_api, machine)),
    routerKnowsProcesses: scrape.router_knows_processes,
    identityRouter: toRouter(scrape.identity_router),
    internalTls: scrape.internal_tls,
    identity: machine.identity,
    loopId: scrape.loop_id ?? machine.ownApp?.appId ?? 'promgate',
    tls: tlsFiles(scrape.tls),
  };
}

function toAuth(auth: Values['auth']) {
  return {
    mode: auth.mode,
    operators: auth.operators,
    maxStaleMs: auth.max_stale,
    trustedProxies: auth.trusted_proxies,
    identity: toIdentity(auth.identity),
  };
}

function toIdentity(identity: Values['auth']['identity']) {
  if (!identity) return undefined;
  const { ca, tls, gorouter } = identity;
  return {
    caFile: ca,
    tls: tls && { port: tls.port, certFile: tls.cert, keyFile: tls.key },
    gorouter: gorouter && {
      port: gorouter.port,
      certFile: gorouter.cert,
      keyFile: gorouter.key,
      clientCaFile: gorouter.ca,
      name: gorouter.name,
      envoyDomains: gorouter.envoy_domains,
    },
  };
}

/** Undefined if there is no account: promgate then mounts no broker and opens no database. */
function toBroker({ broker, push }: Pick<Values, 'broker' | 'push'>) {
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
    /** Undefined while there is no push gateway: the catalog then lacks the plan. */
    pushPlan: push && { id: broker.push_plan_id, name: broker.push_plan_name },
    url: broker.url,
    maxCacheMs: broker.max_cache,
    adopt: broker.adopt,
    ephemeral: broker.ephemeral,
  };
}

/** @returns what the durability of the push gateway depends on */
function surroundings(values: Values, machine: Machine) {
  const isUsed = machine.namesDatabase || toBroker(values) !== undefined;
  const address = parseDatabaseUrl(values.database.url);
  const isFile = address.engine === 'sqlite' && address.file !== ':memory:';
  return {
    databaseFile: isUsed && isFile ? address.file : undefined,
    hasRedis: values.redis !== undefined,
    losesFiles: machine.losesFiles,
    memoryBytes: machine.memoryBytes,
  };
}

function toCache(values: Values, memoryBytes: number) {
  const { cache, endpoints } = values;
  const keepsApps = cache.mode !== 'live' || toBroker(values) !== undefined;
  const systems = keepsApps && endpoints.allow.length > 0 ? 2 : 1;
  const maxBytes = cache.max_bytes ?? Math.floor(memoryBytes / 4);
  return {
    mode: cache.mode,
    life: {
      ttlMs: cache.ttl,
      staleWhileRevalidateMs: cache.stale_while_revalidate,
      staleIfErrorMs: cache.stale_if_error,
    },
    negative: { notFoundMs: cache.not_found, failedMs: cache.failed },
    /** For each system that keeps answers. */
    maxBytes: Math.floor(maxBytes / systems),
    fixedPauseMs: cache.refresh,
    minIntervalMs: cache.min_interval,
    idleMs: cache.idle,
    maxJobs: cache.max_jobs,
    concurrency: cache.concurrency,
    withCredentials: cache.with_credentials,
  };
}

/** The share of the memory limit for pages of endpoints that are in flight. */
const ENDPOINTS_SHARE = 1 / 16;

/** Undefined while no endpoint is allowed. */
function toEndpoints(endpoints: Values['endpoints'], memoryBytes: number) {
  if (endpoints.allow.length === 0) return undefined;
  return {
    allow: endpoints.allow,
    deny: endpoints.deny,
    allowPrivate: endpoints.allow_private,
    passAuth: endpoints.pass_auth,
    passHeaders: endpoints.pass_headers.map((name) => name.toLowerCase()),
    obeyCacheControl: endpoints.obey_cache_control,
    maxBodyBytes: endpoints.max_body,
    maxBytes: Math.max(2 * endpoints.max_body, Math.floor(memoryBytes * ENDPOINTS_SHARE)),
    concurrency: endpoints.concurrency,
    compatPort: endpoints.compat ? endpoints.compat_port : undefined,
  };
}

/** The address of a router's URL, and whether it speaks TLS. */
/** The CF API is a route of gorouter like any other: its address leads to gorouter. */
function secureOrigin(api: Values['routes']['cf_api'], { ownApp }: Machine): string | undefined {
  const url = api && (api.url ?? ownApp?.apiUrl);
  return url !== undefined && /^https:/i.test(url) ? new URL(url).origin : undefined;
}

function toRouter(
  text: string | undefined,
): { readonly address: string; readonly tls: boolean } | undefined {
  if (text === undefined) return undefined;
  const { hostname, port, protocol } = new URL(text);
  const tls = protocol === 'https:';
  return { address: `${hostname}:${port || (tls ? 443 : 80)}`, tls };
}
