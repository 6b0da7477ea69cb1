/**
 * One connection to Redis or Valkey that is made again whenever it is lost, for commands that may be
 * sent twice: when the connection is lost before the answer, the command is sent anew.
 */
import { createHash } from 'node:crypto';
import { retry, sleep } from '../clock.ts';
import type { RedisAddress } from '../config/redis-url.ts';
import { type ChannelError, channelError, isReply } from './channel-error.ts';
import type { ChannelTls, Link, RedisCommand, RedisValue } from './redis.ts';
import { holdLinks, SILENT_MS, within } from './redis-links.ts';

export interface RedisSessionOptions {
  readonly address: RedisAddress;
  /** Called before every connection; undefined: without TLS. */
  readonly readTls: (() => Promise<ChannelTls>) | undefined;
  /** Bound on the bytes that may come between two answers; default 1 MiB. */
  readonly maxAnswerBytes?: number | undefined;
  readonly onReady?: () => void;
  /** An attempt to connect failed, or the connection was lost. */
  readonly onFailure?: (error: ChannelError) => void;
}

export interface Script {
  readonly source: string;
  readonly sha1: string;
}

export interface ScriptCall {
  readonly keys: readonly string[];
  readonly values: readonly RedisValue[];
  /** Commands to send with the script. */
  readonly after?: readonly RedisCommand[];
  /** Bound on the time until the answer; default 5 s. */
  readonly answerMs?: number;
}

export function script(source: string): Script {
  return { source, sha1: createHash('sha1').update(source).digest('hex') };
}

/** Redis gave no answer in time. */
export class UnansweredError extends Error {
  override readonly name = 'UnansweredError';
  /** Whether Redis may have done what it was asked for, or may do it later. */
  readonly wasSent: boolean;

  constructor(wasSent: boolean, options?: ErrorOptions) {
    super(wasSent ? 'Redis gave no answer in time' : 'there is no connection to Redis', options);
    this.wasSent = wasSent;
  }
}

/** Bound on the time from a command to its answer. */
const ANSWER_MS = 5_000;
/** More time for large commands: a busy machine takes 0.3 s to keep 1 MiB. */
const ANSWER_MS_PER_BYTE = 1_000 / 1_048_576;
/** A command waits for a connection only in the first second after the last one was lost. */
const PATIENCE_MS = 1_000;
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 250;
/** The server can answer soon: it loads its data, runs a script, or looks for a new primary. */
const SOON = /^(?:LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS)\b/;
const SOON_MS = 50;
/** Another server has become the primary; its address leads there when connected anew. */
const MOVED_ON = /\bREADONLY\b/;

export class RedisSession implements AsyncDisposable {
  readonly #options: RedisSessionOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>;
  #link: Link | undefined;
  /** Resolves when there is a connection, or none any more. */
  #change = Promise.withResolvers<void>();
  #awaySinceMs = performance.now();
  /** When the commands that are under way must be answered. */
  readonly #deadlines = new Set<{ readonly atMs: number }>();
  /** Why there is no connection; undefined while the first attempt is under way. */
  #failure: ChannelError | undefined;

  constructor(options: RedisSessionOptions) {
    this.#options = options;
    this.#running = retry((worked) => this.#connect(worked), {
      ...{ signal: this.#stop.signal, firstPauseMs: FIRST_PAUSE_MS, maxPauseMs: MAX_PAUSE_MS },
      onError: (error) => {
        this.#failure = channelError(error);
        options.onFailure?.(this.#failure);
      },
    });
  }

  get state(): 'ready' | 'away' {
    return this.#link ? 'ready' : 'away';
  }

  /**
   * Sends commands together, again and again until all are answered.
   *
   * @param answerMs - how long that may take; by default 5 s, and 1 s per MiB
   * @throws {UnansweredError} if that takes too long
   * @throws {Error} a `ReplyError` if the server refuses one of the commands
   */
  async ask(commands: readonly RedisCommand[], answerMs?: number): Promise<unknown[]> {
    const maxMs = answerMs ?? ANSWER_MS + ANSWER_MS_PER_BYTE * sizeBytes(commands);
    const deadline = { atMs: performance.now() + maxMs };
    this.#deadlines.add(deadline);
    try {
      return await this.#ask(commands, deadline.atMs);
    } finally {
      this.#deadlines.delete(deadline);
    }
  }

  async #ask(commands: readonly RedisCommand[], deadlineMs: number): Promise<unknown[]> {
    let wasSent = false;
    let failed: Link | undefined;
    for (;;) {
      const link = await this.#connected(failed, wasSent ? deadlineMs : this.#patience(deadlineMs));
      const leftMs = deadlineMs - performance.now();
      if (!link || leftMs <= 0) throw new UnansweredError(wasSent, { cause: this.#failure });
      wasSent = true;
      const answers = await within(leftMs, link.call(commands).catch(replyOf), undefined);
      if (answers === undefined) throw new UnansweredError(true, { cause: this.#failure });
      if (Array.isArray(answers)) return answers;
      if (answers !== 'lost' && !MOVED_ON.test(answers.message)) {
        if (!SOON.test(answers.message)) throw answers;
        if (performance.now() + SOON_MS >= deadlineMs) throw answers;
        await sleep(SOON_MS, this.#stop.signal);
        continue;
      }
      if (answers !== 'lost' && failed) throw answers; // the new connection leads there, too
      if (answers !== 'lost') link.close();
      failed = link;
    }
  }

  /** Runs a script, which Redis keeps until it is started anew. */
  async run({ source, sha1 }: Script, call: ScriptCall): Promise<unknown[]> {
    const { keys, values, after = [], answerMs } = call;
    const send = (name: string, what: string) =>
      this.ask([[name, what, keys.length, ...keys, ...values], ...after], answerMs);
    try {
      return await send('evalsha', sha1);
    } catch (error) {
      if (!(error instanceof Error && /^NOSCRIPT\b/.test(error.message))) throw error;
      return send('eval', source);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#use(undefined);
    await this.#running;
  }

  async #connect(worked: () => void): Promise<void> {
    const { address, readTls, maxAnswerBytes, onReady } = this.#options;
    try {
      await holdLinks({
        ...{ address, readTls, maxAnswerBytes, worked, count: 1, signal: this.#stop.signal },
        enter: async ([link]) => void (await link!.ping()), // `count` above
        silentMs: () => this.#silentMs(),
        onReady: ([link]) => {
          this.#failure = undefined;
          this.#use(link);
          onReady?.();
        },
      });
    } finally {
      if (this.#link) this.#awaySinceMs = performance.now();
      this.#use(undefined);
    }
  }

  /** The server says nothing while it runs a long script. */
  #silentMs(): number {
    const deadlines = Array.from(this.#deadlines, ({ atMs }) => atMs - performance.now());
    return Math.max(SILENT_MS, ...deadlines);
  }

  #use(link: Link | undefined): void {
    this.#link = link;
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  #patience(deadlineMs: number): number {
    if (!this.#failure) return deadlineMs;
    return Math.min(deadlineMs, this.#awaySinceMs + PATIENCE_MS);
  }

  /** @returns a connection other than `failed`, or undefined when there is none in time */
  async #connected(failed: Link | undefined, untilMs: number): Promise<Link | undefined> {
    for (;;) {
      if (this.#stop.signal.aborted) return undefined;
      if (this.#link && this.#link !== failed) return this.#link;
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0) return undefined;
      await within(leftMs, this.#change.promise, undefined);
    }
  }
}

/** @returns the error of the server, or `lost` if the connection broke */
function replyOf(error: unknown): Error | 'lost' {
  return error instanceof Error && isReply(error) ? error : 'lost';
}

function sizeBytes(commands: readonly RedisCommand[]): number {
  let bytes = 0;
  for (const value of commands.flat()) if (Buffer.isBuffer(value)) bytes += value.length;
  return bytes;
}
