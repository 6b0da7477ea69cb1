/**
 * The bindings of apps: the service broker behind `/broker/v2`, and the bindings for scrapes and
 * readers.
 *
 * promgate starts and answers without its database. Until the first opening succeeds, apps count as
 * unbound, tokens cannot be checked, and the broker answers 503; promgate retries the opening.
 */
import { BROKER_PREFIX, createBroker } from '../../broker/api.ts';
import { StoreAwayError } from '../../broker/binding-store.ts';
import type { BoundApp } from '../../broker/known-bindings.ts';
import { OPERATIONS } from '../../broker/operations.ts';
import { retry, sleep } from '../clock.ts';
import type { AppIdentity } from '../discover/app-identity.ts';
import type { Tokens } from '../serve/auth.ts';
import { logCall } from '../serve/broker-log.ts';
import { clientAddress } from '../serve/client-address.ts';
import { Guesses } from '../serve/guesses.ts';
import type { Mount } from '../serve/mount.ts';
import { type AddressOptions, ownAddress } from '../serve/own-address.ts';
import { answerNow, type RequestContext } from '../serve/request.ts';
import { type BindingMetrics, bindingMetrics } from '../telemetry/binding-metrics.ts';
import {
  type BindingsConfig,
  type OpenBindings,
  type OpenBindingsOptions,
  openBindings,
} from './bindings.ts';
import { databaseAdvice } from './database-advice.ts';
import type { Ground } from './ground.ts';
import type { Part } from './part.ts';

/** The longest time that a hanging database delays the start. */
const FIRST_WAIT_MS = 1_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;

export interface BindingsPart extends Part {
  readonly tokens: Tokens;
  /** How many tokens were revoked since the start. */
  revocations(): number;
  /** @returns undefined for an app without bindings, and until the database has been opened */
  settingsOf(app: AppIdentity): BoundApp | undefined;
  /** Polls the database at once: another replica has changed a binding, or may have. */
  look(): void;
}

export interface BindingsPartOptions {
  readonly config: BindingsConfig;
  /** The guid of the space of an app; undefined if the route table does not name it. */
  readonly spaceOfApp: (appId: string) => string | undefined;
  /** Tells the other replicas that this one has changed a binding. Must not reject. */
  readonly onChanged: () => Promise<unknown>;
}

/** Waits until the first attempt to open the database has ended, or for `FIRST_WAIT_MS`. */
export async function startBindings(
  { config, spaceOfApp, onChanged }: BindingsPartOptions,
  ground: Ground,
): Promise<BindingsPart> {
  let opened: OpenBindings | undefined;
  const metrics = bindingMetrics(ground.registry, {
    known: () => opened?.known.size ?? 0,
    ageSeconds: () => {
      const ageMs = opened?.follower.ageMs;
      return ageMs === undefined ? undefined : ageMs / 1000;
    },
    operations: OPERATIONS,
  });
  const stop = new AbortController();
  const attempts = attemptUntilOpen(
    { config, spaceOfApp, onChanged, ground, metrics },
    stop.signal,
  );
  const opening = attempts.opened.then((open) => {
    opened = open;
  });
  await Promise.race([opening, attempts.first, sleep(FIRST_WAIT_MS, stop.signal)]);
  const operations = () => {
    if (opened) return opened.operations;
    throw new StoreAwayError('the database of bindings has not been opened yet');
  };
  return {
    mounts: [mountBroker({ config, ground, metrics }, operations)],
    mentions: { database: () => opened?.state ?? 'away' },
    settingsOf: (app) => opened?.settingsOf(app),
    look: () => opened?.follower.hint(),
    revocations: () => opened?.known.removals ?? 0,
    tokens: { scopeOf: async (token) => (opened ? opened.tokens.scopeOf(token) : 'unsure') },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await opening;
      await opened?.[Symbol.asyncDispose]();
    },
  };
}

interface Attempts {
  /** Resolves when the first attempt has failed. */
  readonly first: Promise<void>;
  /** Resolves when an attempt succeeds; with undefined if `signal` aborts before. */
  readonly opened: Promise<OpenBindings | undefined>;
}

function attemptUntilOpen(options: OpenBindingsOptions, signal: AbortSignal): Attempts {
  const first = Promise.withResolvers<void>();
  let failures = 0;
  const opened = retry(() => openBindings(options), {
    ...{ signal, firstPauseMs: FIRST_PAUSE_MS, maxPauseMs: LONGEST_PAUSE_MS },
    onError: (err) => {
      tellFailure(err, failures === 0, options);
      failures += 1;
      first.resolve();
    },
  }).then((open) => {
    if (open && failures > 0) options.ground.log.info('the database of bindings is open');
    return open;
  });
  return { first: first.promise, opened };
}

function tellFailure(
  err: unknown,
  isFirst: boolean,
  { ground, metrics }: OpenBindingsOptions,
): void {
  const { log } = ground;
  if (!isFirst) {
    log.debug('the database of bindings cannot be opened', { err }); // already warned
    return;
  }
  metrics.databaseFailures.inc();
  const told = { advice: databaseAdvice(err), err };
  if (err instanceof StoreAwayError) {
    log.warn('the database of bindings is away: promgate tries again', told);
  } else log.error('the database of bindings cannot be used: promgate tries again', told);
}

interface BrokerParts {
  readonly config: BindingsConfig;
  readonly ground: Pick<Ground, 'log'>;
  readonly metrics: BindingMetrics;
}

function mountBroker(
  { config: { broker, auth, sd }, ground: { log }, metrics }: BrokerParts,
  operations: Parameters<typeof createBroker>[0]['operations'],
): Mount {
  const addressOf = clientAddress(auth.trustedProxies);
  const guesses = new Guesses();
  const { admit, errors, router } = createBroker({
    operations,
    accounts: broker.accounts,
    baseUrl: (ctx) => broker.url?.replace(/\/+$/, '') ?? baseUrl(ctx, sd),
    onWrongCredential: async ({ req, state }) => {
      const address = addressOf(req);
      return { address, count: await guesses.wrong(address, answerNow(state)) };
    },
    onCall: (call) => {
      metrics.calls.inc({ operation: call.operation, code: String(call.status) });
      logCall(log, call);
    },
  });
  return { prefix: BROKER_PREFIX, name: 'broker', admit, errors, router };
}

/** The URL that the platform used; built from the socket if the request names no address. */
function baseUrl(ctx: RequestContext, options: AddressOptions): string {
  const { localAddress = '', localPort } = ctx.socket;
  const socket = `${localAddress.includes(':') ? `[${localAddress}]` : localAddress}:${localPort}`;
  const { scheme, address } = ownAddress(ctx, { ...options, otherwise: socket });
  return `${scheme}://${address}`;
}
