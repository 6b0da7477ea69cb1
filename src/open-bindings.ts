/**
 * Opens the database of bindings, and connects what works on it: the broker, which writes, and what
 * scrapes and readers know of it, in memory.
 */
import { readFile } from 'node:fs/promises';
import { createBroker } from '../broker/api.ts';
import type { Binding, BindingStore } from '../broker/binding-store.ts';
import { NO_INSTANCE } from '../broker/bindings.ts';
import { freshKey, readKey } from '../broker/key.ts';
import { KnownBindings, type TokenScope } from '../broker/known-bindings.ts';
import type { Offering } from '../broker/offering.ts';
import { type BindingSettings, bindingSettings } from '../broker/parameters.ts';
import type { GivenParameters } from '../broker/parameters-schema.ts';
import { KeyRing } from '../broker/seal.ts';
import { SealCheck } from '../broker/seal-check.ts';
import { openParameters, sealSecrets } from '../broker/secrets.ts';
import { logCall } from './broker-calls.ts';
import type { Config } from './config.ts';
import { databaseAdvice } from './database-advice.ts';
import type { AppIdentity } from './discover/instance.ts';
import { parseMetricPath } from './fetch/metric-path.ts';
import type { AppSettings } from './serve/app-settings.ts';
import { clientAddress } from './serve/client-address.ts';
import { Guesses } from './serve/guesses.ts';
import { type AddressOptions, ownAddress } from './serve/own-address.ts';
import { answerNow, type Handler } from './serve/request.ts';
import type { Adopt } from './store/app-endpoints.ts';
import { openBindingStore } from './store/database.ts';
import { Follower } from './store/follower.ts';
import { TokenScopes } from './store/tokens.ts';
import type { Log } from './telemetry/log.ts';
import type { Metrics } from './telemetry/metrics.ts';

export interface BindingsOptions {
  readonly config: Config;
  readonly broker: NonNullable<Config['broker']>;
  /** Certificates trusted besides `database.tls.ca`. */
  readonly authorities: readonly string[] | undefined;
  /** The guid of the space of an app, as far as the route table tells. */
  readonly spaceOfApp: (appId: string) => string | undefined;
  readonly log: Log;
  readonly metrics: Metrics<never>;
}

/**
 * `away`: the database cannot be read, or takes no changes. `wrong-key`: what is stored was sealed
 * under a key that is not configured.
 */
export type DatabaseState = 'ready' | 'away' | 'wrong-key';

export interface OpenBindings extends AsyncDisposable {
  readonly known: KnownBindings;
  readonly follower: Follower;
  readonly tokens: TokenScopes<TokenScope>;
  readonly broker: Handler;
  readonly state: DatabaseState;
  /** @returns undefined for an app without bindings */
  settingsOf(app: AppIdentity): AppSettings | undefined;
}

const SEALED =
  'the configured keys do not open what is stored: put its key under database.old_encryption_keys';

const RESTORED =
  'the database of bindings does not hold what was read of it: if no backup was restored, look ' +
  'which database it is; all bindings are read anew, and what is not in it holds no more';

/** @throws {StoreAwayError} when the database is away */
export async function openBindings(options: BindingsOptions): Promise<OpenBindings> {
  await using parts = new AsyncDisposableStack();
  const { config, log, metrics } = options;
  const { database, auth } = config;
  const store = parts.use(
    await openBindingStore({
      url: database.url,
      tls: await readTls(options),
      onError: (err) => log.warn('the database of bindings made trouble', { err }),
      onRefused: (err) => {
        metrics.databaseAway();
        log.warn('the database of bindings takes no changes: the broker answers 503', {
          ...{ advice: databaseAdvice(err), err },
        });
      },
      onTaken: () => log.info('the database of bindings takes changes again'),
    }),
  );
  const keys = await openKeys(store, database);
  await store.adoptEndpoints((row) => adoptedEndpoint(row, { keys, offering: options.broker }));
  const known = new KnownBindings({
    onBound: (appId) =>
      log.warn('the bindings of an app say more than is used: the earliest hold', {
        app_id: appId,
      }),
    settingsOf: (binding) =>
      readSettings(binding, keys, (err) =>
        log.error('a binding cannot be read in full', { binding_id: binding.id, err }),
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
        metrics.databaseAway();
        log.warn('the database of bindings is away: what is known of it holds', {
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
  const broker = openBroker(options, { store, keys, follower });
  const held = parts.move();
  return {
    ...{ known, follower, tokens, broker },
    get state() {
      if (isAway || !store.takesChanges) return 'away';
      return seals.count > 0 ? 'wrong-key' : 'ready';
    },
    settingsOf: ({ appId, spaceId }) => known.appOf(appId, spaceId),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** The operator's keys, and the one that the database keeps: it may have been used before. */
async function openKeys(store: BindingStore, database: Config['database']): Promise<KeyRing> {
  const { encryptionKey, oldEncryptionKeys } = database;
  const own = await store.ownKey(encryptionKey === undefined ? freshKey() : undefined);
  const stored = own === undefined ? [] : [own.key];
  const [current = '', ...older] = [encryptionKey ?? [], stored, oldEncryptionKeys].flat(); // one at least
  return new KeyRing(readKey(current), older.map(readKey));
}

interface Adopting {
  readonly keys: KeyRing;
  readonly offering: Offering;
}

/** A row of Promfetcher's table as a binding: of whichever instance the platform names it with. */
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
 * What a binding says, as far as it can be read: without its headers when their key is gone, and
 * without a path that no request line can carry.
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

interface BrokerParts {
  readonly store: BindingStore;
  readonly keys: KeyRing;
  readonly follower: Follower;
}

function openBroker(
  { config, broker, log, metrics, spaceOfApp }: BindingsOptions,
  { store, keys, follower }: BrokerParts,
): Handler {
  const { accounts, adopt, url, maxCacheMs, ...offering } = broker;
  const addressOf = clientAddress(config.auth.trustedProxies);
  const guesses = new Guesses();
  return createBroker({
    ...{ store, keys, accounts, adopt, offering, spaceOfApp },
    maxTimeoutMs: config.scrape.maxTimeoutMs,
    maxCacheMs,
    baseUrl: (ctx) => (url === undefined ? baseUrl(ctx, config.sd) : url.replace(/\/+$/, '')),
    onChange: () => follower.refresh(),
    onWrongCredential: async ({ req, state }) => {
      const address = addressOf(req);
      return { address, count: await guesses.wrong(address, answerNow(state)) };
    },
    onCall: (call) => {
      metrics.brokerCalled(call);
      logCall(log, call);
    },
  });
}

/** Where the platform has reached promgate; by the socket where its request names no address. */
function baseUrl(ctx: Parameters<Handler>[0], options: AddressOptions): string {
  const { localAddress = '', localPort } = ctx.socket;
  const socket = `${localAddress.includes(':') ? `[${localAddress}]` : localAddress}:${localPort}`;
  const { scheme, address } = ownAddress(ctx, { ...options, otherwise: socket });
  return `${scheme}://${address}`;
}

/** Database servers are known by the operator's certificates, or by those that all trust. */
async function readTls({ config, authorities }: BindingsOptions) {
  const { tls } = config.database;
  if (tls === undefined) return undefined;
  const read = (file: string | undefined) =>
    file === undefined ? undefined : readFile(file, 'utf8');
  const [ca, cert, key] = await Promise.all([
    read(tls.caFile),
    read(tls.certFile),
    read(tls.keyFile),
  ]);
  return { ca: [...(authorities ?? []), ...(ca === undefined ? [] : [ca])], cert, key };
}
