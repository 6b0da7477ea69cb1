/**
 * Bounds how many requests of one connection run at once; they start in the order of arrival.
 *
 * One read can hold thousands of pipelined requests, and Node's parser hands all of them over in
 * one go. Requests beyond the bound wait, and promgate does not read from the connection meanwhile.
 * So no more requests of a connection wait than one read holds, and a bounded number of all
 * connections. Waiting requests of all connections start in turns; a request does not wait if no
 * other request of its connection is running.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Turns } from '../clock.ts';
import { Presence, type PresenceOptions } from './presence.ts';

/** Bound on the requests of one connection that run at once. */
export const MAX_RUNNING = 8;
/**
 * Bound on the waiting requests of all connections; past it, promgate ends the connection with the
 * most of them. A waiting request holds 5 KB, and costs Node 30 us when its connection ends.
 */
export const MAX_WAITING = 4_096;

interface Pipeline {
  readonly socket: Socket;
  readonly presence: Presence;
  running: number;
  /** How many turns `#call` has requested that have not come yet. */
  called: number;
  /** An answer has gone out that ends the connection: nobody would get another. */
  isOver: boolean;
  readonly waiting: (readonly [IncomingMessage, ServerResponse<IncomingMessage>])[];
}

type Handle = (
  request: IncomingMessage,
  answer: ServerResponse<IncomingMessage> & { req: IncomingMessage },
) => void;

export interface PipelineOptions extends PresenceOptions {
  /** Ends a connection because too many of its requests wait. Default: destroys it. */
  readonly end?: (socket: Socket) => void;
}

/** Wraps `handle` so that it gets only a bounded number of requests of a connection at once. */
export function limitPipelining(
  handle: RequestListener,
  options: PipelineOptions = {},
): RequestListener {
  const pipelines = new Pipelines(handle, options);
  return (request, answer) => pipelines.take(request, answer);
}

/** The pipelines of all connections. */
class Pipelines {
  readonly #handle: Handle;
  readonly #end: (socket: Socket) => void;
  readonly #graceMs: number | undefined;
  readonly #pipelines = new WeakMap<Socket, Pipeline>();
  /** The pipelines with waiting requests: promgate does not read from their connections. */
  readonly #crowded = new Set<Pipeline>();
  readonly #turns = new Turns();
  /** How many requests of all connections wait. */
  #waiting = 0;

  constructor(handle: Handle, { end = (socket) => socket.destroy(), graceMs }: PipelineOptions) {
    this.#handle = handle;
    this.#end = end;
    this.#graceMs = graceMs;
  }

  /** Runs a request, or lets it wait for its turn. */
  take(...[request, answer]: Parameters<Handle>): void {
    if (request.socket.destroyed) {
      answer.emit('close'); // the parser still hands over the requests of the last read
      return;
    }
    const pipeline = this.#pipelineOf(request.socket);
    if (pipeline.running === 0 && pipeline.waiting.length === 0) {
      this.#run(pipeline, request, answer);
      return;
    }
    pipeline.waiting.push([request, answer]);
    this.#waiting++;
    if (!this.#crowded.has(pipeline)) {
      this.#crowded.add(pipeline);
      pipeline.presence.paused = true;
      pipeline.socket.pause();
    }
    if (this.#waiting > MAX_WAITING) this.#endLongest();
    else this.#call(pipeline);
  }

  #pipelineOf(socket: Socket): Pipeline {
    const known = this.#pipelines.get(socket);
    if (known) return known;
    const presence = new Presence(socket, { graceMs: this.#graceMs });
    const pipeline: Pipeline = {
      socket,
      presence,
      running: 0,
      called: 0,
      isOver: false,
      waiting: [],
    };
    this.#pipelines.set(socket, pipeline);
    socket.once('close', () => this.#drop(pipeline));
    // Node resumes a socket after each request that it has read, and after each that has ended.
    socket.on('resume', () => {
      if (this.#crowded.has(pipeline)) socket.pause();
    });
    return pipeline;
  }

  #drop(pipeline: Pipeline): void {
    this.#crowded.delete(pipeline);
    this.#waiting -= pipeline.waiting.length;
    // Node never closes answers without a socket, but `connections.ts` counts them until `close`.
    for (const [, answer] of pipeline.waiting.splice(0)) answer.emit('close');
  }

  #endLongest(): void {
    let longest: Pipeline | undefined;
    for (const pipeline of this.#crowded) {
      if (pipeline.waiting.length > (longest?.waiting.length ?? 0)) longest = pipeline;
    }
    if (!longest) return;
    this.#end(longest.socket);
    this.#drop(longest);
  }

  #call(pipeline: Pipeline): void {
    const { running, called, waiting } = pipeline;
    if (running + called >= MAX_RUNNING || called >= waiting.length) return;
    pipeline.called++;
    this.#turns.run(() => this.#next(pipeline));
  }

  #next(pipeline: Pipeline): void {
    const { socket, waiting } = pipeline;
    pipeline.called--;
    const waited = socket.destroyed || pipeline.isOver ? undefined : waiting.shift();
    if (!waited) return;
    this.#waiting--;
    this.#run(pipeline, ...(waited as Parameters<Handle>));
    if (waiting.length > 0) return;
    this.#crowded.delete(pipeline);
    pipeline.presence.paused = false;
    socket.resume();
  }

  #run(pipeline: Pipeline, ...[request, answer]: Parameters<Handle>): void {
    pipeline.running++;
    pipeline.presence.began(answer);
    // A request that waits starts one turn of the event loop later: by then other work has run, and
    // the log and metrics have counted the ended request. Turns that nobody needs would cost a small
    // answer a tenth of its time.
    answer.once('close', () => {
      if (isLast(answer)) pipeline.isOver = true;
      pipeline.presence.ended(answer);
      if (pipeline.waiting.length > 0) setImmediate(this.#ended, pipeline);
      else pipeline.running--;
    });
    this.#handle(request, answer);
    if (isLast(answer)) pipeline.isOver = true;
  }

  /** A field, since `setImmediate` needs a function bound to `this`. */
  readonly #ended = (pipeline: Pipeline): void => {
    pipeline.running--;
    this.#call(pipeline);
  };
}

/** Whether an answer has begun that says `Connection: close`. */
function isLast({ headersSent, shouldKeepAlive }: ServerResponse): boolean {
  return headersSent && !shouldKeepAlive;
}
