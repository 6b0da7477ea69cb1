/**
 * The client of Kafka. It runs in a thread of its own (`kafka-worker.ts`), which ends with the first
 * failure: the client library is known to throw where nobody can catch, and to try for ever.
 *
 * TLS files are read for every client, since operators rotate them.
 */
import { isIP, connect as openSocket } from 'node:net';
import { type ConnectionOptions, connect as openTls } from 'node:tls';
import {
  type ISocketFactoryArgs,
  Kafka,
  type KafkaConfig,
  logLevel,
  Partitioners,
  type SASLOptions,
} from 'kafkajs';
import { readPem } from '../pem.ts';
import type { PrintedEvent } from './request-event.ts';
import { SendError, type SendFailure } from './send-error.ts';

/** A structured clone can carry the settings to a thread. */
export interface KafkaSettings {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly clientId: string;
  /** Undefined: connections are not encrypted. */
  readonly tls: KafkaTls | undefined;
  readonly sasl:
    | {
        readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
        readonly username: string;
        readonly password: string;
      }
    | undefined;
}

interface KafkaTls {
  /** PEM texts of the authorities to trust in addition to those in `caFile`. */
  readonly ca: readonly string[];
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

export interface KafkaClient {
  /** Asks a broker for the topic, which brokers may create by that. @throws {SendError} */
  check(): Promise<void>;
  /** Resolves when all replicas in sync have the events. @throws {SendError} */
  send(events: readonly PrintedEvent[]): Promise<void>;
}

/** A line of the client library's log. */
export type OnLine = (message: string) => void;

const CONNECT_MS = 3_000;
const ANSWER_MS = 5_000;
const KEEP_ALIVE_MS = 10_000;
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/** One attempt more, since the broker that leads a partition may have changed. */
const RETRY = { retries: 1, initialRetryTime: 200, maxRetryTime: 500 };

/** @throws {SendError} when the client cannot connect */
export async function openKafka(settings: KafkaSettings, onLine: OnLine): Promise<KafkaClient> {
  const { topic } = settings;
  const kafka = new Kafka(await clientConfig(settings, onLine));
  const admin = kafka.admin();
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    maxInFlightRequests: 1,
  });
  const check = async (): Promise<void> => {
    await admin.fetchTopicMetadata({ topics: [topic] });
  };
  await classified(async () => {
    await admin.connect();
    await check();
    await producer.connect();
  });
  return {
    check: () => classified(check),
    send: (events) =>
      classified(async () => {
        await producer.send({ topic, messages: [...events], acks: -1, timeout: ANSWER_MS });
      }),
  };
}

async function clientConfig(settings: KafkaSettings, onLine: OnLine): Promise<KafkaConfig> {
  const { brokers, clientId, sasl, tls } = settings;
  return {
    brokers: [...brokers],
    clientId,
    ...(tls && { ssl: await readTls(tls) }),
    ...(sasl && { sasl: { ...sasl } as SASLOptions }), // one mechanism of the library's union
    connectionTimeout: CONNECT_MS,
    authenticationTimeout: ANSWER_MS,
    requestTimeout: ANSWER_MS,
    retry: RETRY,
    socketFactory: boundedSocket,
    logLevel: logLevel.WARN,
    logCreator:
      () =>
      ({ namespace, log }) =>
        onLine(`${namespace}: ${log.message} ${String(log['error'] ?? '')}`),
  };
}

/** The library keeps an answer in memory until it is whole, whatever length the broker announces. */
function boundedSocket({ host, port, ssl, onConnect }: ISocketFactoryArgs) {
  const name = isIP(host) === 0 ? { servername: host } : {};
  const socket = ssl
    ? openTls({ host, port, ...name, ...ssl }, onConnect)
    : openSocket({ host, port }, onConnect);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  let askedBytes = 0;
  let answerBytes = 0;
  socket.on('data', (data: Buffer) => {
    if (socket.bytesWritten !== askedBytes) answerBytes = 0; // the answer to another request
    askedBytes = socket.bytesWritten;
    answerBytes += data.length;
    if (answerBytes > MAX_ANSWER_BYTES) {
      socket.destroy(new Error(`a broker sent more than ${MAX_ANSWER_BYTES} bytes at once`));
    }
  });
  return socket;
}

async function readTls({ ca, caFile, certFile, keyFile }: KafkaTls): Promise<ConnectionOptions> {
  const read = (file: string | undefined) => (file === undefined ? undefined : readPem(file));
  try {
    const [caText, cert, key] = await Promise.all([read(caFile), read(certFile), read(keyFile)]);
    return {
      ca: [...ca, ...(caText === undefined ? [] : [caText])],
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    };
  } catch (cause) {
    throw new SendError('internal', 'the files of kafka.tls cannot be read', { cause });
  }
}

async function classified(task: () => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new SendError(failureOf(cause), `Kafka: ${message}`, { cause });
  }
}

/** What the error codes of the protocol mean; all others mean that the brokers cannot work now. */
const BY_TYPE: Readonly<Record<string, SendFailure>> = {
  TOPIC_AUTHORIZATION_FAILED: 'auth',
  CLUSTER_AUTHORIZATION_FAILED: 'auth',
  SASL_AUTHENTICATION_FAILED: 'auth',
  UNSUPPORTED_SASL_MECHANISM: 'auth',
  ILLEGAL_SASL_STATE: 'auth',
  UNKNOWN_TOPIC_OR_PARTITION: 'topic',
  INVALID_TOPIC_EXCEPTION: 'topic',
  REQUEST_TIMED_OUT: 'timeout',
  MESSAGE_TOO_LARGE: 'refused',
  RECORD_LIST_TOO_LARGE: 'refused',
  INVALID_RECORD: 'refused',
  INVALID_TIMESTAMP: 'refused',
  CORRUPT_MESSAGE: 'refused',
  POLICY_VIOLATION: 'refused',
};

const TLS_CODE =
  /^ERR_(?:TLS|SSL)_|^(?:DEPTH_ZERO_)?SELF_SIGNED|^UNABLE_TO_|^CERT_|^EPROTO$|^HOSTNAME_MISMATCH$/;

function failureOf(error: unknown): SendFailure {
  for (let one = error; one instanceof Error; one = one.cause) {
    const { name } = one;
    const { type = '', code = '' } = one as { readonly type?: string; readonly code?: unknown };
    if (Object.hasOwn(BY_TYPE, type)) return BY_TYPE[type]!; // `hasOwn` has checked it
    if (/SASL/.test(name)) return 'auth';
    if (name === 'KafkaJSRequestTimeoutError') return 'timeout';
    if (TLS_CODE.test(String(code))) return 'tls';
    if (/Connection timeout/.test(one.message)) return 'timeout';
    if (name.startsWith('KafkaJSConnection')) return 'unreachable';
    if (name === 'KafkaJSProtocolError') return 'away';
  }
  return error instanceof Error && error.name.startsWith('KafkaJS') ? 'away' : 'crashed';
}
