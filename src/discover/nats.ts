/**
 * A lasting connection to NATS: connects, subscribes, and begins again whenever that ends.
 *
 * Knows nothing of routes; `nats-source.ts` does. The client is loaded with the first connection.
 * Messages are handed over as they come in, one at a time, so that none queue up here: a program
 * that is too slow for its messages is disconnected by the server.
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
  /** `nats://host:port`, `tls://host:port` or `host:port`; all are tried in turn. */
  readonly servers: readonly string[];
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** TLS is spoken where this is given or the server is `tls://…`. */
  readonly tls?: ClientTls | undefined;
  /** A number from 0 up to 1: which server is tried first. */
  readonly random?: (() => number) | undefined;
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
const MIN_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 30_000;

/** Keeps a connection until `signal` aborts; resolves when it is closed. */
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

/** Tries each server once; to connect again is the loop's, so that files are read again too. */
async function open(options: BusOptions, signal: AbortSignal): Promise<NatsConnection> {
  const { servers, random = Math.random } = options;
  const { connect } = await import('@nats-io/transport-node');
  const certificates = options.tls && (await readClientTls(options.tls));
  const first = Math.floor(random() * servers.length);
  let failure: unknown = new SourceError('internal', 'no server is configured');
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

/** One server at a time: the client would check the certificate of an IP address for `localhost`. */
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

/** What the client hands on to Node: `host` is whom a certificate is for that names no server. */
function tlsSettings(
  { ca, ...client }: ClientCertificates,
  host: string,
): TlsOptions & { readonly host: string } {
  return { ...client, ...(ca && { ca: ca.join('\n') }), host };
}

/** @throws {SourceError} in the end: the connection never ends by itself unless it failed */
async function hold(
  connection: NatsConnection,
  listener: BusListener,
  signal: AbortSignal,
): Promise<never> {
  const close = (): void => {
    connection.close(); // awaited below, by closed()
  };
  let denied: Error | undefined;
  // The client takes an error that is thrown here for its own end, and falls silent.
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
    // A refusal comes before the answer to a flush; a connection that ends leaves it unanswered.
    await Promise.race([connection.flush(), connection.closed()]);
    if (!connection.isClosed() && !denied) {
      listener.onUp((subject, payload) => connection.publish(subject, payload));
    }
    const error = await Promise.race([connection.closed(), tellErrors(statuses, listener)]);
    throw denied ?? error ?? new SourceError('unreachable', 'lost the connection');
  } finally {
    signal.removeEventListener('abort', close);
  }
}

/** Never resolves: what ends a connection is told by `closed`. */
async function tellErrors(statuses: AsyncIterable<Status>, listener: BusListener): Promise<never> {
  for await (const status of statuses) {
    if (status.type === 'error') listener.onError(toBusError(status.error));
  }
  return new Promise(() => undefined);
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
