/**
 * The section `push` with the program's names, and the defaults that depend on what else is there.
 */
import type { z } from 'zod';
import type { push, rule, tenant } from './push.ts';
import { toLimits, toTenantLimits } from './push-limits.ts';
import { toRemoteWrite } from './remote-write.ts';

export interface Surroundings {
  /** The file of the database, if it is one that is configured or that the broker uses. */
  readonly databaseFile: string | undefined;
  readonly hasRedis: boolean;
  /** Whether files are lost with the container, as on Cloud Foundry. */
  readonly losesFiles: boolean;
  readonly memoryBytes: number;
}

/** @param values - undefined if there is no push gateway */
export function toPush(values: z.output<typeof push> | undefined, around: Surroundings) {
  if (!values) return undefined;
  const { databaseFile, losesFiles, memoryBytes } = around;
  const file = databaseFile === undefined ? 'promgate-push.db' : `${databaseFile}-push`;
  return {
    open: values.open,
    port: values.port,
    jobMode: values.job_mode,
    portJobMode: values.port_job_mode,
    durability: values.durability ?? bestDurability(around),
    file: values.file ?? file,
    bestDurability: bestDurability(around),
    /** Whether files, so those of durability disk, are lost with the container. */
    losesFiles,
    temporality: values.temporality,
    gaugeMode: values.gauge,
    ttlMs: values.ttl,
    without: values.without,
    utf8Names: values.utf8_names,
    adminApi: values.admin_api,
    consistencyCheck: values.consistency_check,
    sourceIdleMs: values.source_idle,
    redisReplicas: values.redis_replicas,
    keyTtlMs: values.key_ttl,
    maxKeys: values.max_keys,
    rules: values.rules.map(toRule),
    tenants: values.tenants.map(toTenant),
    limits: toLimits(values.limits, memoryBytes),
    remoteWrite: toRemoteWrite(values.remote_write),
  };
}

function toRule(values: z.output<typeof rule>) {
  return {
    families: values.families,
    temporality: values.temporality,
    gaugeMode: values.gauge,
    ttlMs: values.ttl,
    without: values.without,
  };
}

function toTenant(values: z.output<typeof tenant>) {
  return {
    organization: values.organization,
    space: values.space,
    app: values.app,
    temporality: values.temporality,
    gaugeMode: values.gauge,
    ttlMs: values.ttl,
    without: values.without,
    jobMode: values.job_mode,
    limits: values.limits && toTenantLimits(values.limits),
  };
}

/** The durability that loses least, of those that need no further setting. */
function bestDurability({ databaseFile, hasRedis, losesFiles }: Surroundings) {
  if (databaseFile !== undefined && !losesFiles) return 'disk';
  return hasRedis ? 'shared' : 'memory';
}
