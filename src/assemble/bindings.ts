/**
 * Opens the database of bindings, and connects it to the broker, which writes, and to the memory
 * that scrapes and readers use.
 */
import type { Binding, BindingStore } from '../../broker/binding-store.ts';
import { NO_INSTANCE } from '../../broker/bindings.ts';
import { freshKey, readKey } from '../../broker/key.ts';
import { type BoundApp, KnownBindings, type TokenScope } from '../../broker/known-bindings.ts';
import type { Offering } from '../../broker/offering.ts';
import { createOperations, type Operations } from '../../broker/operations.ts';
import { type BindingSettings, bindingSettings } from '../../broker/parameters.ts';
import type { GivenParameters } from '../../broker/parameters-schema.ts';
import type { PushScope } from '../../broker/push-place.ts';
import { KeyRing } from '../../broker/seal.ts';
import { SealCheck } from '../../broker/seal-check.ts';
import { openParameters, sealSecrets } from '../../broker/secrets.ts';
import type { Config } from '../config/config.ts';
import type { AppIdentity } from '../discover/app-identity.ts';
import { parseMetricPath } from '../fetch/metric-path.ts';
import { readPem } from '../pem.ts';
import type { Adopt } from '../store/app-endpoints.ts';
import { openBindingStore } from '../store/database.ts';
import { Follower } from '../store/follower.ts';
import { TokenScopes } from '../store/tokens.ts';
import type { BindingMetrics } from '../telemetry/binding-metrics.ts';
import { databaseAdvice } from './database-advice.ts';
import type { Ground } from './ground.ts';

export interface OpenBindingsOptions {
  readonly config: BindingsConfig;
  /** The guid of the space of an app; undefined if the route table does not name it. */
  readonly spaceOfApp: (appId: string) => string | undefined;
  readonly ground: Pick<Ground, 'log' | 'authorities'>;
  readonly metrics: BindingMetrics;
  /** Tells the other replicas that this one has changed a binding. Must not reject. */
  readonly onChanged: () => Promise<unknown>;
}

export type BindingsConfig = Pick<Config, 'database' | 'auth' | 'scrape' | 'sd'> & {
  readonly broker: NonNullable<Config['broker']>;
};

/**
 * `away`: the database cannot be read, or takes no changes. `wrong-key`: stored bindings are
 * encrypted with a key that is not configured.
 */
type DatabaseState = 'ready' | 'away' | 'wrong-key';

export interface OpenBindings extends AsyncDisposable {
  readonly known: KnownBindings;
  readonly follower: Follower;
  readonly tokens: TokenScopes<TokenScope | PushScope>;
  /** The operations of the broker. */
  readonly operations: Operations;
  readonly state: DatabaseState;
  /** @returns undefined for an app without bindings */
  settingsOf(app: AppIdentity): BoundApp | undefined;
}

const SEALED =
  'the configured keys do not decrypt the stored bindings: add the key that encrypted them to ' +
  'database.old_encryption_keys';

const RESTORED =
  'the database of bindings lacks changes that promgate has read from it: if no backup was ' +
  'restored, check that database.url names the right database; promgate reads all bindings again ' +
  'and forgets those that are not in it';

/** @throws {StoreAwayError} if the database cannot be reached */
export async function openBindings(options: OpenBindingsOptions): Promise<OpenBindings> {
  await using parts = new AsyncDisposableStack();
  const { config, ground, metrics } = options;
  const { log } = ground;
  const { database, auth, broker } = config;
  const store = parts.use(
    await openBindingStore({
      address: database.address,
      tls: await readDatabaseTls(options),
      onError: (err) => log.warn('the database of bindings reports an error', { err }),
      onRefused: (err) => {
        metrics.databaseFailures.inc();
        log.warn('the database of bindings takes no changes: the broker answers 503', {
          ...{ advice: databaseAdvice(err), err },
        });
      },
      onTaken: () => log.info('the database of bindings takes changes again'),
    }),
  );
  const keys = await openKeys(store, database);
  await store.adoptEndpoints((row) => adoptedEndpoint(row, { keys, offering: broker }));
  const known = new KnownBindings({
    onBound: (appId) =>
      log.warn('this app exceeds the bindings limit; only the oldest are used', {
        app_id: appId,
      }),
    settingsOf: (binding) =>
      readSettings(binding, keys, (err) =>
        log.error('a binding is used without its unreadable headers or path', {
          binding_id: binding.id,
          err,
        }),
      ),
  });
  const seals = new SealCheck({
    keys,
    onSealed: (binding_id) => log.error(SEALED, { binding_id }),
  });
  let isAway = false;
  const follower = parts.use(
    new Follower({
      store,
      apply: (changes) => {
        if (changes.isRestored) log.warn(RESTORED);
        known.apply(changes);
        seals.apply(changes);
      },
      onAway: (err) => {
        isAway = true;
        metrics.databaseFailures.inc();
        log.warn('the database of bindings is away: promgate uses the bindings read before', {
          ...{ advice: databaseAdvice(err), err },
        });
      },
      onBack: () => {
        isAway = false;
        log.info('the database of bindings is back');
      },
    }),
  );
  await follower.first;
  const tokens = new TokenScopes({
    scopeOf: (tokenHash) => known.scopeOf(tokenHash),
    follower,
    maxStaleMs: auth.maxStaleMs,
  });
  const held = parts.move();
  return {
    ...{ known, follower, tokens },
    operations: openOperations(options, { store, keys, follower }),
    get state() {
      if (isAway || !store.takesChanges) return 'away';
      return seals.count > 0 ? 'wrong-key' : 'ready';
    },
    settingsOf: ({ appId, spaceId }) => known.appOf(appId, spaceId),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** The operator's keys, and the key in the database, which may have encrypted older bindings. */
async function openKeys(store: BindingStore, database: Config['database']): Promise<KeyRing> {
  const { encryptionKey, oldEncryptionKeys } = database;
  const own = await store.ownKey(encryptionKey === undefined ? freshKey() : undefined);
  const stored = own === undefined ? [] : [own.key];
  // At least one: `ownKey` has stored a fresh key if the operator configured none.
  const [current = '', ...older] = [encryptionKey ?? [], stored, oldEncryptionKeys].flat();
  return new KeyRing(readKey(current), older.map(readKey));
}

interface Adopting {
  readonly keys: KeyRing;
  readonly offering: Offering;
}

/** A row of Promfetcher's table as a binding; `NO_INSTANCE` fits any instance of the platform. */
function adoptedEndpoint(
  { guid, appGuid, endpoint }: Parameters<Adopt>[0],
  { keys, offering }: Adopting,
): ReturnType<Adopt> {
  if (guid === '') return undefined;
  const { serviceId, planId } = offering;
  const plan = { serviceId, planId, spaceId: '' };
  const given = endpoint === '' ? {} : { endpoint };
  return {
    instance: { id: NO_INSTANCE, ...plan, organizationId: '', parameters: '{}' },
    binding: {
      instanceId: NO_INSTANCE,
      ...plan,
      appId: appGuid === '' ? undefined : appGuid,
      ...sealSecrets(guid, given, keys),
    },
  };
}

/**
 * The readable settings of a binding: without its headers if no key opens them, and without paths
 * that are not valid in a request line.
 */
function readSettings(
  binding: Binding,
  keys: KeyRing,
  onError: (error: unknown) => void,
): BindingSettings {
  const settings = bindingSettings(readParameters());
  return { ...settings, endpoints: settings.endpoints.flatMap(readEndpoint) };

  function readParameters(): GivenParameters {
    try {
      return openParameters(binding, keys);
    } catch (error) {
      onError(error);
      return JSON.parse(binding.parameters);
    }
  }

  function readEndpoint<E extends { readonly path: string }>(endpoint: E): E[] {
    try {
      return [{ ...endpoint, path: parseMetricPath(endpoint.path) }];
    } catch (error) {
      onError(error);
      return [];
    }
  }
}

interface StoreParts {
  readonly store: BindingStore;
  readonly keys: KeyRing;
  readonly follower: Follower;
}

function openOperations(
  { config: { broker, scrape }, spaceOfApp, onChanged }: OpenBindingsOptions,
  { store, keys, follower }: StoreParts,
): Operations {
  const { adopt, maxCacheMs, accounts: _, url: __, ...offering } = broker;
  return createOperations({
    ...{ store, keys, adopt, offering, spaceOfApp, maxCacheMs },
    maxTimeoutMs: scrape.maxTimeoutMs,
    onChange: () => Promise.all([onChanged(), follower.refresh()]),
  });
}

/** The TLS options for the database: `database.tls.ca` adds to the common authorities. */
export async function readDatabaseTls({
  config,
  ground,
}: {
  readonly config: Pick<Config, 'database'>;
  readonly ground: Pick<Ground, 'authorities'>;
}) {
  const { tls } = config.database;
  if (tls === undefined) return undefined;
  const authorities = await ground.authorities();
  const read = (file: string | undefined) => (file === undefined ? undefined : readPem(file));
  const [ca, cert, key] = await Promise.all([
    read(tls.caFile),
    read(tls.certFile),
    read(tls.keyFile),
  ]);
  return { ca: [...authorities, ...(ca === undefined ? [] : [ca])], cert, key };
}
