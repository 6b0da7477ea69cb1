/**
 * Measures the cost of bindings: looking up an app or a token among many bindings, and binding.
 */
import { createHash } from 'node:crypto';
import type { Binding } from '../broker/binding-store.ts';
import { KnownBindings } from '../broker/known-bindings.ts';
import { bindingSettings } from '../broker/parameters.ts';
import { BROKER, Platform } from '../test/support/platform.ts';
import { startPromgate } from './promgate.ts';
import { table } from './report.ts';
import { median } from './statistics.ts';

export interface LookupFigures {
  /** The number of bindings among which the benchmark looks. */
  readonly bindings: number;
  /** Time per lookup of an app's pages; the median over the rounds. */
  readonly appMicroseconds: number;
  /** Time per lookup of a token's scope, with the hash of the token; the median over the rounds. */
  readonly tokenMicroseconds: number;
}

export interface BindFigures {
  /** Binds per second over HTTP; promgate answers each when the binding is on disk. */
  readonly perSecond: number;
  /** The number of concurrent callers. */
  readonly callers: number;
}

const ROUNDS = 20;
const LOOKUPS = 20_000;

/** Measures lookups of apps and tokens, in an order that defeats CPU caches. */
export function measureLookups(bindings: number): LookupFigures {
  const known = new KnownBindings({
    settingsOf: ({ parameters }) => bindingSettings(JSON.parse(parameters)),
  });
  const all = Array.from({ length: bindings }, (_, at) => binding(at));
  known.apply({ revision: bindings, whole: true, bindings: all, removed: [] });
  // The first lookup of each app fills caches, as its first scrape does.
  for (const { appId = '', spaceId } of all) known.appOf(appId, spaceId);
  const order = Array.from({ length: LOOKUPS }, (_, at) => (at * 7_919) % bindings);
  const appIds = order.map((at) => all[at]?.appId ?? '');
  const spaceOf = (appId: string): string => `space-${Number(appId.slice(-12)) % 100}`;
  const tokens = order.map(tokenOf);
  return {
    bindings,
    appMicroseconds: perLookup(
      appIds,
      (appId) => known.appOf(appId, spaceOf(appId))?.pages[0]?.path,
    ),
    tokenMicroseconds: perLookup(tokens, (token) =>
      known.scopeOf(hashOf(token)) ? token : undefined,
    ),
  };
}

function perLookup(keys: readonly string[], find: (key: string) => string | undefined): number {
  const took: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const startedMs = performance.now();
    for (const key of keys) if (find(key) === undefined) throw new Error(`${key} is not found`);
    took.push(((performance.now() - startedMs) * 1000) / keys.length);
  }
  return median(took.slice(ROUNDS / 2)); // the first rounds let the compiler finish
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

const tokenOf = (at: number): string => `token-of-binding-${at}`.padEnd(52, 'x');

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Measures `binds` binds by `callers` concurrent callers, in a new SQLite file. */
export async function measureBinds(callers: number, binds: number): Promise<BindFigures> {
  await using promgate = await startPromgate({}, (folder) => ({
    broker: BROKER,
    database: { url: `sqlite:${folder}/promgate.db`, encryption_key: 'a key of the benchmark' },
  }));
  const platform = new Platform({ url: promgate.url });
  await platform.createService('instance');
  let next = 0;
  const call = async (): Promise<void> => {
    while (next < binds) {
      const appId = `app-${next}`;
      const { status } = await platform.bind('instance', `binding-${next++}`, { appId });
      if (status !== 201) throw new Error(`a bind was answered with ${status}`);
    }
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: callers }, call));
  return { callers, perSecond: (binds * 1000) / (performance.now() - startedMs) };
}

interface BindingFigures {
  readonly lookups: LookupFigures;
  readonly binds: readonly BindFigures[];
}

/** @param count - the number of binds */
export async function measureBindings(count: number): Promise<BindingFigures> {
  const binds: BindFigures[] = [];
  for (const callers of [1, 8]) binds.push(await measureBinds(callers, count));
  return { lookups: measureLookups(50_000), binds };
}

export function bindingTable({ lookups, binds }: BindingFigures): string {
  const microseconds = (value: number): string => `${value.toFixed(2)} us`;
  return `${table([
    ['bindings', 'figure'],
    [`pages of an app, of ${lookups.bindings}`, microseconds(lookups.appMicroseconds)],
    [`scope of a token, of ${lookups.bindings}`, microseconds(lookups.tokenMicroseconds)],
    ...binds.map(({ callers, perSecond }) => [
      `binds on SQLite, ${callers} at once`,
      `${perSecond.toFixed(0)}/s`,
    ]),
  ])}\n`;
}
