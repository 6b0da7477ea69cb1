/**
 * The requests of one connection: only so many run at once, in the order in which they came.
 *
 * One read can hold thousands of pipelined requests, and Node's parser hands all of them over in
 * one go. What is beyond the bound waits unhandled, and nothing more is read meanwhile: at most one
 * read's worth waits, and over all connections a bounded number. Those that wait take turns with
 * those of other connections; the first of a connection never waits.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Turns } from '../clock.ts';
import { Presence, type PresenceOptions } from './presence.ts';

/** Requests of one connection that run at once. */
export const MAX_RUNNING = 8;
/**
 * Bound on waiting requests over all connections; past it, the connection with the most of them ends.
 * Each request holds 5 KB, and costs Node 30 us when its connection ends.
 */
export const MAX_WAITING = 4_096;

interface Pipeline {
  readonly socket: Socket;
  readonly presence: Presence;
  running: number;
  /** Turns that it waits for. */
  called: number;
  readonly waiting: (readonly [IncomingMessage, ServerResponse<IncomingMessage>])[];
}

type Handle = (
  request: IncomingMessage,
  answer: ServerResponse<IncomingMessage> & { req: IncomingMessage },
) => void;

export interface PipelineOptions extends PresenceOptions {
  /** Ends the connection that has too many requests waiting. Default: destroys it. */
  readonly end?: (socket: Socket) => void;
}

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
  /** Those with requests that wait: they are not read. */
  readonly #crowded = new Set<Pipeline>();
  readonly #turns = new Turns();
  /** Over all connections. */
  #waiting = 0;

  constructor(handle: Handle, { end = (socket) => socket.destroy(), graceMs }: PipelineOptions) {
    this.#handle = handle;
    this.#end = end;
    this.#graceMs = graceMs;
  }

  /** Runs a request, or lets it wait for its turn. */
  take(...[request, answer]: Parameters<Handle>): void {
    if (request.socket.destroyed) {
      answer.emit('close'); // of the read in which its connection was ended
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
    const pipeline: Pipeline = { socket, presence, running: 0, called: 0, waiting: [] };
    this.#pipelines.set(socket, pipeline);
    socket.once('close', () => this.#drop(pipeline));
    // Node resumes a socket by itself behind each request that it has read, and each that has ended.
    socket.on('resume', () => {
      if (this.#crowded.has(pipeline)) socket.pause();
    });
    return pipeline;
  }

  #drop(pipeline: Pipeline): void {
    this.#crowded.delete(pipeline);
    this.#waiting -= pipeline.waiting.length;
    // Node never ends answers that have no socket yet: whoever counts them is told here.
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
    const waited = socket.destroyed ? undefined : waiting.shift();
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
    // A turn later: others run between, and the ended request has been counted by then.
    answer.once('close', () => {
      pipeline.presence.ended(answer);
      setImmediate(this.#ended, pipeline);
    });
    this.#handle(request, answer);
  }

  /** A field, since it is called back. */
  readonly #ended = (pipeline: Pipeline): void => {
    pipeline.running--;
    this.#call(pipeline);
  };
}
