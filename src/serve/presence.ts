/**
 * Whether the reader of a connection can be seen leaving, and what its answers do while it cannot.
 *
 * A reader that has half-closed its connection and waits for its answer looks like one that has closed
 * it, until something is written. A connection that is not read, since requests wait on it, shows
 * nothing at all. Both get their answers, but soon: `graceMs` later answers are to go out with what has
 * arrived, and their writes tell who is gone. A probe in between (100 Continue, 102 Processing) would
 * tell earlier, but who half-closes by hand mostly reads the first line as the answer's.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { cutOff } from './cut-off.ts';

export interface PresenceOptions {
  /** How long an answer has from when its reader cannot be seen any more. Default 3 s. */
  readonly graceMs?: number | undefined;
}

const GRACE_MS = 3_000;
/** An answer that was told to hurry and has not begun by then never will: its connection ends. */
const MAX_BEGIN_MS = 2_000;
/** One for all: to make an error costs as much as to end a scrape. */
const HURRY = new DOMException('answer now, with what has arrived', 'AbortError');

const hurries = new WeakMap<object, AbortController>();

/** Aborts when the answer is to go out with what has arrived. */
export function hurrySignal(answer: object): AbortSignal {
  return hurryOf(answer).signal;
}

function hurryOf(answer: object): AbortController {
  const known = hurries.get(answer);
  if (known) return known;
  const hurry = new AbortController();
  hurries.set(answer, hurry);
  return hurry;
}

/** So much later a reader that is gone has answered to what was written: with a reset. */
const ROUND_TRIP_MS = 250;

/**
 * Sends the head of an answer that was told to hurry, and waits until its reader would have said that
 * it is gone. An empty write then fails, and ends the connection.
 *
 * @returns whether the reader is gone
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
  /** Answers under way, and what ends their grace. */
  readonly #answers = new Map<ServerResponse, NodeJS.Timeout | undefined>();
  #paused = false;
  #halfClosed = false;

  constructor(socket: Socket, { graceMs = GRACE_MS }: PresenceOptions = {}) {
    this.#socket = socket;
    this.#graceMs = graceMs;
    socket.once('end', () => this.#halfClose());
  }

  /** True while the connection is not read. */
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

  /** Of one that has closed its side we assume that it has left; any other we cut off ourselves. */
  #end(): void {
    if (this.#halfClosed) this.#socket.destroy();
    else cutOff(this.#socket);
  }
}
