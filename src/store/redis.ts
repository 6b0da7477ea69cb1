/**
 * One connection to Redis or Valkey. It connects once: whoever needs another one opens another one.
 *
 * A server that lies neither ends the process nor fills its memory: the library's parser throws at
 * some answers, and keeps an answer in memory until it is whole. `close` waits for nobody, whereas
 * the library's `disconnect` waits for the server.
 */
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'iovalkey';
import type { RedisAddress } from '../config/redis-url.ts';
import { ChannelError } from './channel-error.ts';

/** PEM texts. */
export type ChannelTls = Pick<ConnectionOptions, 'ca' | 'cert' | 'key'>;

export interface Link {
  /** Connects, and proves the password. */
  enter(): Promise<void>;
  /** @param hear - called for every message from the moment when the server confirms */
  subscribe(channel: string, hear: (message: Buffer) => void): Promise<unknown>;
  publish(channel: string, text: string): Promise<unknown>;
  ping(): Promise<string>;
  /**
   * Sends any commands in one go.
   *
   * @returns the answers, in which texts are buffers
   */
  call(commands: readonly RedisCommand[]): Promise<unknown[]>;
  close(): void;
}

/** The name of a command, and its arguments. */
export type RedisCommand = readonly [name: string, ...values: RedisValue[]];

export type RedisValue = string | Buffer | number;

export interface LinkOptions {
  readonly address: RedisAddress;
  /** Undefined: the connection is not encrypted. */
  readonly tls: ChannelTls | undefined;
  readonly connectMs: number;
  /** Called at least once when the connection ends; only the first call tells why. */
  readonly onLost: (error: unknown) => void;
  /** Bound on the bytes that may come between two answers; default 1 MiB. */
  readonly maxAnswerBytes?: number | undefined;
}

const MAX_ANSWER_BYTES = 1024 * 1024;
const KEEP_ALIVE_MS = 10_000;

export function openLink(options: LinkOptions): Link {
  const { address, onLost, maxAnswerBytes = MAX_ANSWER_BYTES } = options;
  const client = createClient(options);
  let unansweredBytes = 0;
  const answered = (): void => {
    unansweredBytes = 0;
  };
  client.on('error', onLost);
  client.on('end', () => onLost(new ChannelError('closed', 'Redis ended the connection')));
  client.on('connect', () => {
    guard(client.stream, onLost, (bytes) => {
      unansweredBytes += bytes;
      if (unansweredBytes <= maxAnswerBytes) return undefined;
      return new ChannelError('flooded', `Redis sent more than ${maxAnswerBytes} bytes at once`);
    });
  });
  return {
    enter: () => enter(client, address),
    subscribe: (channel, hear) => {
      client.on('messageBuffer', (_: Buffer, message: Buffer) => {
        answered();
        hear(message);
      });
      return client.subscribe(channel);
    },
    publish: (channel, text) => client.publish(channel, text),
    ping: async () => {
      const answer = await client.ping();
      answered();
      return answer;
    },
    call: async (commands) => {
      client.stream.cork();
      const sent = commands.map(([name, ...values]) => client.callBuffer(name, ...values));
      client.stream.uncork();
      return Promise.all(sent.map((answer) => answer.finally(answered)));
    },
    close: () => {
      client.disconnect();
      client.stream?.destroy();
    },
  };
}

function createClient({ address: { host, port }, tls, connectMs }: LinkOptions): Redis {
  return new Redis({
    ...{ host, port, family: 0, connectTimeout: connectMs, keepAlive: KEEP_ALIVE_MS },
    ...(tls && { tls: { ...tls, ...(isIP(host) === 0 && { servername: host }) } }),
    ...{ lazyConnect: true, enableOfflineQueue: false, enableReadyCheck: false },
    ...{ autoResubscribe: false, autoResendUnfulfilledCommands: false },
    retryStrategy: () => null, // a lost connection stays lost
  });
}

/**
 * Ends the connection when the library throws at what it receives, or when too much comes.
 *
 * @param refuse - why the connection may not receive that many bytes more
 */
function guard(
  stream: Redis['stream'],
  onLost: (error: unknown) => void,
  refuse: (bytes: number) => ChannelError | undefined,
): void {
  const emit = stream.emit.bind(stream);
  stream.on('error', onLost);
  stream.emit = (name: string | symbol, ...values: unknown[]): boolean => {
    try {
      const refusal = name === 'data' ? refuse((values[0] as Buffer).length) : undefined; // no encoding is set
      if (!refusal) return emit(name, ...values);
      onLost(refusal);
    } catch (cause) {
      onLost(new ChannelError('refused', 'Redis sent what the client cannot read', { cause }));
    }
    stream.destroy();
    return true;
  };
}

/** Connects, and proves the password. */
async function enter(client: Redis, { user, password }: RedisAddress): Promise<void> {
  await client.connect();
  if (password === undefined) return;
  try {
    await (user === undefined ? client.auth(password) : client.auth(user, password));
  } catch (error) {
    // A server without passwords refuses every password, and is open to all.
    if (!/without any password configured|no password is set/.test(String(error))) throw error;
  }
}
