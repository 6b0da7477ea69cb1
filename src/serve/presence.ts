/**
 * Bounds the answers of a connection while promgate cannot notice that its reader leaves.
 *
 * A reader that has half-closed its connection and waits for the answer looks like a reader that
 * has left, until promgate writes. While promgate does not read from a connection, because requests
 * wait on it, promgate notices nothing at all. In both cases answers must hurry after `graceMs`:
 * they go out with what has arrived, and writing fails if the reader has left. An interim response
 * (100 Continue, 102 Processing) would show this earlier, but hand-written clients that half-close
 * mostly take its first line for the first line of the answer.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { cutOff } from './cut-off.ts';

export interface PresenceOptions {
  /** How long an answer may take once promgate cannot notice its reader leaving. Default 3 s. */
  readonly graceMs?: number | undefined;
}

const GRACE_MS = 3_000;
/** If an answer has not begun so long after its hurry signal, promgate ends the connection. */
const MAX_BEGIN_MS = 2_000;
/** Shared by all answers, since creating an error takes as long as ending a scrape. */
const HURRY = new DOMException('answer now, with what has arrived', 'AbortError');

const HURRY_OF = Symbol('hurry');

interface Hurried {
  /**
   * A property, since an entry of a `WeakMap` for each request would keep what the request needed
   * through all minor collections, until the next major one.
   */
  [HURRY_OF]?: AbortController;
}

/** A signal that aborts when the answer must go out with what has arrived. */
export function hurrySignal(answer: ServerResponse): AbortSignal {
  return hurryOf(answer).signal;
}

function hurryOf(answer: ServerResponse & Hurried): AbortController {
  answer[HURRY_OF] ??= new AbortController();
  return answer[HURRY_OF];
}

/** A reader that has left answers a write with a reset, which arrives within this time. */
const ROUND_TRIP_MS = 250;

/**
 * Sends the head of an answer that must hurry, and waits for the reset that a reader that has left
 * would send. After a reset, an empty write fails and ends the connection.
 *
 * @returns whether the reader has left
 */
export async function leftBefore(answer: ServerResponse): Promise<boolean> {
  const { socket } = answer.req;
  answer.flushHeaders();
  await delay(ROUND_TRIP_MS);
  if (socket.destroyed) return true;
  return new Promise((resolve) => socket.write('', (error) => resolve(Boolean(error))));
}

/** The reader of one connection. */
export class Presence {
  readonly #socket: Socket;
  readonly #graceMs: number;
  /** The answers under way; each has a timer while promgate cannot notice the reader leaving. */
  readonly #answers = new Map<ServerResponse, NodeJS.Timeout | undefined>();
  #paused = false;
  #halfClosed = false;

  constructor(socket: Socket, { graceMs = GRACE_MS }: PresenceOptions = {}) {
    this.#socket = socket;
    this.#graceMs = graceMs;
    socket.once('end', () => this.#halfClose());
  }

  /** Set this while promgate does not read from the connection. */
  set paused(paused: boolean) {
    if (this.#paused === paused) return;
    this.#paused = paused;
    if (this.#halfClosed) return;
    for (const [answer, timer] of this.#answers) {
      clearTimeout(timer);
      this.#answers.set(answer, paused ? this.#limit(answer) : undefined);
    }
  }

  began(answer: ServerResponse): void {
    const unseen = this.#paused || this.#halfClosed;
    this.#answers.set(answer, unseen ? this.#limit(answer) : undefined);
  }

  ended(answer: ServerResponse): void {
    clearTimeout(this.#answers.get(answer));
    this.#answers.delete(answer);
  }

  #halfClose(): void {
    this.#halfClosed = true;
    for (const [answer, timer] of this.#answers) {
      if (timer === undefined) this.#answers.set(answer, this.#limit(answer));
      const isLast = this.#answers.size === 1 && !this.#paused;
      if (isLast && !answer.headersSent) answer.shouldKeepAlive = false;
    }
  }

  #limit(answer: ServerResponse): NodeJS.Timeout {
    return setTimeout(() => {
      hurryOf(answer).abort(HURRY);
      const timer = setTimeout(
        () => {
          if (!answer.headersSent) this.#end();
        },
        Math.min(this.#graceMs, MAX_BEGIN_MS),
      );
      this.#answers.set(answer, timer);
    }, this.#graceMs);
  }

  /** Ends the connection. The log says that the reader left if it half-closed, else `cut_off`. */
  #end(): void {
    if (this.#halfClosed) this.#socket.destroy();
    else cutOff(this.#socket);
  }
}
