/**
 * Checks the parameters of bindings and service instances, and turns them into settings.
 */
import AjvModule, { type ErrorObject } from 'ajv-draft-04';
import { parseDurationMs } from './duration.ts';
import { explain } from './explain.ts';
import { requireStorable } from './fields.ts';
import type { Json } from './json.ts';
import {
  BINDING_PARAMETERS,
  type GivenParameters,
  INSTANCE_PARAMETERS,
  PUSH_PARAMETERS,
} from './parameters-schema.ts';
import { Refusal } from './refusal.ts';
import { holdsToken } from './token.ts';

/** The operator's limits for the parameters of app developers. */
export interface Limits {
  readonly maxTimeoutMs: number;
  readonly maxCacheMs?: number | undefined;
}

export interface ParameterCheck {
  /**
   * @throws {Refusal} `unacceptable`, with a message that says what is wrong and what is allowed;
   *   `bad-request` for texts that cannot be stored
   */
  binding(parameters: Json): GivenParameters;
  /**
   * Checks the parameters of a binding of the push plan.
   *
   * @throws {Refusal} `unacceptable`
   */
  push(parameters: Json): Json;
  /** @throws {Refusal} `unacceptable` */
  instance(parameters: Json): Json;
}

/** Compiles the schemas, which takes some milliseconds. */
export function createParameterCheck({ maxTimeoutMs, maxCacheMs }: Limits): ParameterCheck {
  const ajv = new AjvModule.default({ verbose: true });
  const isBinding = ajv.compile<GivenParameters>(BINDING_PARAMETERS);
  const isPush = ajv.compile<Json>(PUSH_PARAMETERS);
  const isInstance = ajv.compile<Json>(INSTANCE_PARAMETERS);
  return {
    binding(parameters) {
      const given: unknown = parameters; // `isBinding` would not narrow `Json` to GivenParameters
      if (!isBinding(given)) throw refusal(isBinding.errors);
      requireStorable(parameters);
      refuseTokens(given);
      requireAtMost(maxTimeoutMs, 'timeout', given.timeout);
      requireAtMost(maxCacheMs, 'cache', given.cache);
      return given;
    },
    push(parameters) {
      if (!isPush(parameters)) throw refusal(isPush.errors);
      return parameters;
    },
    instance(parameters) {
      if (!isInstance(parameters)) throw refusal(isInstance.errors);
      return parameters;
    },
  };
}

function refusal(errors: readonly ErrorObject[] | null | undefined): Refusal {
  return new Refusal('unacceptable', explain(errors![0]!)); // a failed check has at least one
}

/** An instance would see the token in its requests and write it to its log. */
function refuseTokens(given: GivenParameters): void {
  const { endpoints, headers } = bindingSettings(given);
  const isInHeaders = headers.flat().some(holdsToken);
  if (!isInHeaders && !endpoints.some(({ path }) => holdsToken(path))) return;
  const what = isInHeaders ? 'a header' : 'a path';
  throw new Refusal('unacceptable', `parameters: ${what} must not hold a binding's token`);
}

function requireAtMost(maxMs: number | undefined, name: string, text: string | undefined): void {
  if (maxMs === undefined || text === undefined || durationMs(text) <= maxMs) return;
  const description = `parameters.${name} must be at most ${maxMs / 1000}s, the operator's limit, not ${text}`;
  throw new Refusal('unacceptable', description);
}

/** The name and value of a label or header. */
export type Pair = readonly [name: string, value: string];

/** The settings that one binding gives for scrapes of its app. */
export interface BindingSettings {
  /** In the given order; empty if the binding names no path. `path` is not percent-encoded yet. */
  readonly endpoints: readonly {
    readonly path: string;
    readonly labels: readonly Pair[];
    readonly port?: number | undefined;
  }[];
  /** The container port of a page without a path of its own. */
  readonly port?: number | undefined;
  readonly headers: readonly Pair[];
  readonly timeoutMs: number | undefined;
  readonly cacheMs: number | undefined;
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly labels: readonly Pair[];
  readonly process: 'web' | 'worker' | 'all' | undefined;
}

/** @param given - parameters that `ParameterCheck` accepts */
export function bindingSettings(given: GivenParameters): BindingSettings {
  const { endpoint, endpoints = [], port, timeout, cache } = given;
  const first = endpoint === undefined ? [] : [{ path: endpoint }];
  const all: NonNullable<GivenParameters['endpoints']> = [...first, ...endpoints];
  return {
    endpoints: all.map(({ path, labels = {}, port: own = port }) => ({
      ...{ path, labels: Object.entries(labels) },
      ...(own !== undefined && { port: own }),
    })),
    ...(port !== undefined && { port }),
    headers: Object.entries(given.headers ?? {}),
    timeoutMs: timeout === undefined ? undefined : durationMs(timeout),
    cacheMs: cache === undefined ? undefined : durationMs(cache),
    allow: given.allow ?? [],
    deny: given.deny ?? [],
    labels: Object.entries(given.labels ?? {}),
    process: given.process,
  };
}

/** @param text - a duration that the schema of the parameters allows */
function durationMs(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined) throw new RangeError(`${JSON.stringify(text)} is not a duration`);
  return ms;
}
