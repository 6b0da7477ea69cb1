/**
 * A lasting connection to NATS: connects, subscribes, and begins again whenever that ends.
 *
 * Knows nothing of routes; `nats-source.ts` does. The client is loaded with the first connection.
 * Messages are handed over as they come in, one at a time, so that none queue up here: a program
 * that is too slow for its messages is disconnected by the server.
 */
import type { ConnectionOptions, Msg, NatsConnection, TlsOptions } from '@nats-io/transport-node';
import { type ClientCertificates, type ClientTls, readClientTls } from './client-tls.ts';
import type { Clock } from './source.ts';
import { SourceError } from './source-error.ts';

export interface BusOptions {
  /** `nats://host:port`, tried in random order. */
  readonly servers: readonly string[];
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: ClientTls | undefined;
}

/** What is done with the connection; nothing here may throw. */
export interface BusListener {
  readonly subjects: Readonly<Record<string, (message: BusMessage) => void>>;
  /** The server has taken all subscriptions; also after each reconnection. */
  readonly onUp: (publish: (subject: string, payload: string) => void) => void;
  /** There is no connection, or none that may subscribe; called at each attempt. */
  readonly onDown: (error: SourceError) => void;
  /** The server complains of something that may not end the connection. */
  readonly onError: (error: SourceError) => void;
}

export interface BusMessage {
  readonly data: Uint8Array;
  readonly reply: (payload: string) => void;
}

/** As gorouter: a dead connection is noticed before what came over it is stale. */
const PING_MS = 20_000;
const PINGS_UNANSWERED = 2;
const CONNECT_MS = 2000;
const MAX_PAUSE_MS = 30_000;

/** Keeps a connection until `signal` aborts; resolves when it is closed. */
export async function runBus(
  options: BusOptions,
  listener: BusListener,
  { signal, clock }: { readonly signal: AbortSignal; readonly clock: Clock },
): Promise<void> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      const connection = await open(options, signal);
      failures = 0;
      await hold(connection, listener, signal);
    } catch (error) {
      if (!signal.aborted) listener.onDown(toBusError(error));
    }
    await clock.sleep(Math.min(1000 * 2 ** failures, MAX_PAUSE_MS), signal);
  }
}

/** Tries each server once; to connect again is the loop's, so that files are read again too. */
async function open(options: BusOptions, signal: AbortSignal): Promise<NatsConnection> {
  const { connect } = await import('@nats-io/transport-node');
  const { username, password, tls } = options;
  const certificates = tls && (await readClientTls(tls));
  const settings: ConnectionOptions = {
    servers: [...options.servers],
    name: 'promgate',
    timeout: CONNECT_MS,
    pingInterval: PING_MS,
    maxPingOut: PINGS_UNANSWERED,
    reconnect: false,
    reconnectToServer: () => {
      if (signal.aborted) throw new Error('stopped'); // the only way to end it between servers
      return null;
    },
  };
  if (username !== undefined) settings.user = username;
  if (password !== undefined) settings.pass = password;
  if (certificates) settings.tls = tlsSettings(certificates);
  return connect(settings);
}

function tlsSettings({ ca, ...client }: ClientCertificates): TlsOptions {
  return { ...client, ...(ca && { ca: ca.join('\n') }) };
}

/** @throws {SourceError} in the end: the connection never ends by itself unless it failed */
async function hold(
  connection: NatsConnection,
  listener: BusListener,
  signal: AbortSignal,
): Promise<void> {
  const close = (): void => {
    connection.close(); // awaited below, by closed()
  };
  let denied: Error | undefined;
  const subscribe = (subject: string, handle: (message: BusMessage) => void): void => {
    connection.subscribe(subject, {
      callback: (error, message) => {
        if (!error) return handle(toBusMessage(message));
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
    // A refusal comes before the answer to a flush; a connection that ends leaves it unanswered.
    await Promise.race([connection.flush(), connection.closed()]);
    if (!connection.isClosed() && !denied) {
      listener.onUp((subject, payload) => connection.publish(subject, payload));
    }
    for await (const status of statuses) {
      if (status.type === 'error') listener.onError(toBusError(status.error));
    }
    const error = await connection.closed();
    throw denied ?? error ?? new SourceError('unreachable', 'lost the connection');
  } finally {
    signal.removeEventListener('abort', close);
  }
}

function toBusMessage(message: Msg): BusMessage {
  return { data: message.data, reply: (payload) => message.respond(payload) };
}

/** The client's errors are told apart by name, so that its classes need not be loaded. */
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
