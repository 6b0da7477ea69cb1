/**
 * What the failure of a server or of a group means for an answer, and how it is told.
 */
import type { QueryScope } from '../federation.ts';
import { TargetError } from '../target/failure.ts';
import type { Missing } from './gather.ts';
import type { Group } from './group.ts';
import { failureOf } from './server.ts';

/** A shard of a group without any answer. */
export interface GroupFailure {
  readonly message: string;
  readonly cause: unknown;
}

/** Whom a failure is told to: tenants learn which group it is, and no address of a server. */
export type ToldTo = Pick<QueryScope, 'tenants'>;

function isTenant({ tenants }: ToldTo): boolean {
  return tenants.length > 0;
}

/** The failure of a shard of which no server has answered. */
export function failedGroup(
  { settings }: Pick<Group, 'settings'>,
  missing: readonly Missing[],
  to: ToldTo,
): GroupFailure {
  const each = missing.map(({ replica, error }) => `${replica.url}: ${textOf(error)}`);
  const what = `no server of group "${settings.name}" has answered`;
  const message = `${what}: ${each.join('; ')}`;
  if (!isTenant(to)) return { message, cause: missing[0]?.error };
  const words = new Set(missing.map(({ error }) => failureOf(error)));
  return { message: `${what}: ${[...words].join(', ')}`, cause: new Error(message) };
}

/** The failure of a group whose discovery has found no server. */
export function emptyGroup({ settings, discoveryError }: Group, to: ToldTo): GroupFailure {
  const why = discoveryError === '' ? 'its discovery finds none' : discoveryError;
  const what = `group "${settings.name}" has no servers`;
  const message = `${what}: ${why}`;
  if (!isTenant(to)) return { message, cause: undefined };
  return { message: what, cause: new Error(message) };
}

/** The warning for a server that is missing while its replica has answered. */
export function missingReplica(
  { settings }: Pick<Group, 'settings'>,
  { replica, error }: Missing,
  to: ToldTo,
): string {
  const [who, why] = isTenant(to)
    ? ['one of its servers', failureOf(error)]
    : [replica.url, textOf(error)];
  const effect = 'holes of its replicas are not filled from it';
  return `group "${settings.name}": ${who} is left out (${why}): ${effect}`;
}

/** The remarks of a server, which may name servers: this one, or those behind it. */
export function remarks(
  { settings }: Pick<Group, 'settings'>,
  texts: readonly string[],
  to: ToldTo,
): readonly string[] {
  if (!isTenant(to) || texts.length === 0) return texts;
  return [`group "${settings.name}": its servers remark what only operators see`];
}

/** What an answer that is too large is told as. */
export function tooBig({ settings }: Pick<Group, 'settings'>, error: unknown, to: ToldTo): string {
  if (!isTenant(to)) return textOf(error);
  const what = error instanceof TargetError ? error.what : 'the answer is too big';
  return `group "${settings.name}": ${what}: ask for fewer series or a shorter range`;
}

/** A group's part in an answer. */
export interface Part {
  readonly group: Group;
  /** How many of its shards were asked. */
  readonly asked: number;
  readonly failures: readonly GroupFailure[];
}

export interface Verdict {
  /** The failure that leaves the answer without a part that is needed. */
  readonly needed: { readonly message: string; readonly options: ErrorOptions } | undefined;
  /** Warnings for parts that are missing. */
  readonly forgiven: readonly string[];
}

/**
 * Tells failures that end a query from those that only become warnings.
 *
 * @param partial - the reader takes what there is
 */
export function neededFailures(parts: readonly Part[], partial: boolean): Verdict {
  const forgiven: string[] = [];
  let needed: Verdict['needed'];
  for (const { group, failures } of parts) {
    const { onError } = group.settings;
    for (const { message, cause } of failures) {
      if (onError === 'ignore') continue;
      if (onError === 'warn' || partial || hasReplica(group, parts)) {
        forgiven.push(`${message}; its series are missing`);
      } else needed ??= { message, options: { cause } };
    }
  }
  return { needed, forgiven };
}

/** Whether another group that holds the same series has answered wholly. */
function hasReplica(group: Group, parts: readonly Part[]): boolean {
  const set = setOf(group);
  return parts.some(
    (part) =>
      part.group !== group &&
      part.asked > 0 &&
      part.failures.length === 0 &&
      setOf(part.group) === set,
  );
}

/** The name that a group and those that are replicas of it have in common. */
function setOf({ settings }: Group): string {
  return settings.replicaOf ?? settings.name;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
