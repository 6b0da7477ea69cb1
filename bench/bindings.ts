/**
 * What bindings cost: looking up an app and a token among many, and making bindings.
 */
import { createHash } from 'node:crypto';
import type { Binding } from '../broker/binding-store.ts';
import { bindingSettings } from '../broker/parameters.ts';
import { KnownBindings } from '../broker/known-bindings.ts';
import { median } from './statistics.ts';

export interface LookupFigures {
  readonly bindings: number;
  /** What the pages of an app are, per lookup; the median of the rounds. */
  readonly appMicroseconds: number;
  /** What a token opens, with the hash that finds it. */
  readonly tokenMicroseconds: number;
}

const ROUNDS = 20;
const LOOKUPS = 20_000;

/** Looks apps and tokens up in an order that no cache knows. */
export function measureLookups(bindings: number): LookupFigures {
  const known = new KnownBindings({
    settingsOf: ({ parameters }) => bindingSettings(JSON.parse(parameters)),
  });
  const all = Array.from({ length: bindings }, (_, at) => binding(at));
  known.apply({ revision: bindings, whole: true, bindings: all, removed: [] });
  for (const { appId = '' } of all) known.appOf(appId); // as after the first scrape of each
  const order = Array.from({ length: LOOKUPS }, (_, at) => (at * 7_919) % bindings);
  const appIds = order.map((at) => all[at]?.appId ?? '');
  const tokens = order.map(tokenOf);
  return {
    bindings,
    appMicroseconds: perLookup(appIds, (appId) => known.appOf(appId)?.pages[0]?.path),
    tokenMicroseconds: perLookup(tokens, (token) => known.scopeOf(hashOf(token))?.appId),
  };
}

function perLookup(keys: readonly string[], find: (key: string) => string | undefined): number {
  const took: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const startedMs = performance.now();
    for (const key of keys) if (find(key) === undefined) throw new Error(`${key} is not found`);
    took.push(((performance.now() - startedMs) * 1000) / keys.length);
  }
  return median(took.slice(ROUNDS / 2)); // the first rounds are for the compiler
}

function binding(at: number): Binding {
  return {
    id: `binding-${at}`,
    instanceId: 'instance',
    serviceId: 'service',
    planId: 'plan',
    appId: `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`,
    spaceId: `space-${at % 100}`,
    parameters: '{"endpoint":"/my-metrics"}',
    sealedHeaders: undefined,
    tokenHash: hashOf(tokenOf(at)),
    sealedToken: '',
    revision: at + 1,
  };
}

const tokenOf = (at: number): string => `token-of-binding-${at}`.padEnd(43, 'x');

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
