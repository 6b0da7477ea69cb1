/**
 * A lasting connection to NATS (the bus): connects, subscribes, and reconnects after each failure.
 *
 * This file knows nothing of routes; `nats-source.ts` does. The first connection loads the client.
 * Each message goes to its handler on arrival, so that no queue grows here: the NATS server
 * disconnects a client that is too slow for its messages.
 */
import type {
  ConnectionOptions,
  Msg,
  NatsConnection,
  Status,
  TlsOptions,
} from '@nats-io/transport-node';
import { type Clock, retry } from '../clock.ts';
import { type ClientCertificates, type ClientTls, readClientTls } from './client-tls.ts';
import { SourceError, toSourceError } from './source-error.ts';

export interface BusOptions {
  /** `nats://host:port`, `tls://host:port` or `host:port`; each attempt tries all in turn. */
  readonly servers: readonly string[];
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** The connection uses TLS if this is given or the server is `tls://…`. */
  readonly tls?: ClientTls | undefined;
  /** A number from 0 up to 1, which chooses the server to try first. */
  readonly random?: (() => number) | undefined;
}

/** Callbacks of a connection. Only the handlers of `subjects` may throw: `onError` is told. */
export interface BusListener {
  readonly subjects: Readonly<Record<string, (message: BusMessage) => void>>;
  /** The server accepted all subscriptions; called after each connection. */
  readonly onUp: (publish: (subject: string, payload: string) => void) => void;
  /** A connection, or an attempt to connect or subscribe, failed; called each time. */
  readonly onDown: (error: SourceError) => void;
  /** The server or a handler reports an error that may not end the connection. */
  readonly onError: (error: SourceError) => void;
}

export interface BusMessage {
  readonly data: Uint8Array;
  readonly reply: (payload: string) => void;
}

/** gorouter's figures: they reveal a dead connection before its routes are stale. */
const PING_MS = 20_000;
const PINGS_UNANSWERED = 2;
const CONNECT_MS = 2000;
const MIN_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 30_000;

/** Keeps a connection until `signal` aborts; resolves when the connection is closed. */
export async function runBus(
  options: BusOptions,
  listener: BusListener,
  { signal, clock }: { readonly signal: AbortSignal; readonly clock: Clock },
): Promise<void> {
  const onError = (error: unknown): void => listener.onDown(toBusError(error));
  await retry(
    async (worked) => {
      const onUp: BusListener['onUp'] = (publish) => {
        worked();
        listener.onUp(publish);
      };
      const connection = await open(options, signal);
      await hold(connection, { ...listener, onUp }, signal);
    },
    { signal, clock, onError, firstPauseMs: MIN_PAUSE_MS, maxPauseMs: MAX_PAUSE_MS },
  );
}

/** Tries each server once. `runBus` retries, so that each attempt reads the TLS files again. */
async function open(options: BusOptions, signal: AbortSignal): Promise<NatsConnection> {
  const { servers, random = Math.random } = options;
  const { connect } = await import('@nats-io/transport-node');
  const certificates = options.tls && (await readClientTls(options.tls));
  const first = Math.floor(random() * servers.length);
  let failure: unknown = new SourceError(
    'internal',
    'no NATS server is configured: set routes.nats.servers',
  );
  for (const server of [...servers.slice(first), ...servers.slice(0, first)]) {
    if (signal.aborted) break;
    try {
      return await connect(settingsFor(server, options, certificates));
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** Settings for one server, since the TLS host below belongs to one server only. */
function settingsFor(
  server: string,
  { username, password }: BusOptions,
  certificates: ClientCertificates | undefined,
): ConnectionOptions {
  const { protocol, hostname } = new URL(server.includes('://') ? server : `nats://${server}`);
  const tls = certificates ?? (protocol === 'tls:' ? {} : undefined);
  const settings: ConnectionOptions = {
    servers: [server],
    name: 'promgate',
    timeout: CONNECT_MS,
    pingInterval: PING_MS,
    maxPingOut: PINGS_UNANSWERED,
    reconnect: false,
  };
  if (username !== undefined) settings.user = username;
  if (password !== undefined) settings.pass = password;
  if (tls) settings.tls = tlsSettings(tls, hostname.replace(/^\[|\]$/g, ''));
  return settings;
}

/** TLS options for Node. `host` lets Node check an IP address, instead of `localhost`. */
function tlsSettings(
  { ca, ...client }: ClientCertificates,
  host: string,
): TlsOptions & { readonly host: string } {
  return { ...client, ...(ca && { ca: ca.join('\n') }), host };
}

/** Subscribes, and waits for the end. @throws {SourceError} always, since every end is a failure */
async function hold(
  connection: NatsConnection,
  listener: BusListener,
  signal: AbortSignal,
): Promise<never> {
  const close = (): void => {
    connection.close(); // `closed()` below awaits the end
  };
  let denied: Error | undefined;
  // The client stops delivering messages when a callback throws.
  const handOver = (handle: (message: BusMessage) => void, message: Msg): void => {
    try {
      handle(toBusMessage(message));
    } catch (error) {
      listener.onError(toSourceError(error));
    }
  };
  const subscribe = (subject: string, handle: (message: BusMessage) => void): void => {
    connection.subscribe(subject, {
      callback: (error, message) => {
        if (!error) return handOver(handle, message);
        denied = error;
        close();
      },
    });
  };

  signal.addEventListener('abort', close, { once: true });
  try {
    if (signal.aborted) close();
    const statuses = connection.status();
    for (const [subject, handle] of Object.entries(listener.subjects)) subscribe(subject, handle);
    // The server refuses a subscription before it answers a flush. A lost connection never answers.
    await Promise.race([connection.flush(), connection.closed()]);
    if (!connection.isClosed() && !denied) {
      listener.onUp((subject, payload) => connection.publish(subject, payload));
    }
    const error = await Promise.race([connection.closed(), tellErrors(statuses, listener)]);
    throw (
      denied ?? error ?? new SourceError('unreachable', 'the connection to the NATS server ended')
    );
  } finally {
    signal.removeEventListener('abort', close);
  }
}

/** Passes errors to the listener. Never resolves: only `closed` tells the end of a connection. */
async function tellErrors(statuses: AsyncIterable<Status>, listener: BusListener): Promise<never> {
  for await (const status of statuses) {
    if (status.type === 'error') listener.onError(toBusError(status.error));
  }
  return new Promise(() => undefined);
}

function toBusMessage(message: Msg): BusMessage {
  return { data: message.data, reply: (payload) => message.respond(payload) };
}

/** Recognizes the client's errors by name, so that this file need not load the client's classes. */
function toBusError(error: unknown): SourceError {
  if (error instanceof SourceError) return error;
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const isDenied = /^(?:Authorization|PermissionViolation|UserAuthenticationExpired)Error$/;
  const fault = isDenied.test(name)
    ? 'denied'
    : name === 'TimeoutError'
      ? 'timeout'
      : 'unreachable';
  return new SourceError(fault, message, { cause: error });
}
