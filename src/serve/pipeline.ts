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
 * Requests that wait over all connections: beyond, the connection with the most of them ends. Each
 * holds 5 KB, and costs Node 30 us when its connection ends.
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
  /** Ends the connection that has too many requests waiting. Standard: destroys it. */
  readonly end?: (socket: Socket) => void;
}

export function limitPipelining(
  handle: RequestListener,
  { end = (socket) => socket.destroy(), graceMs }: PipelineOptions = {},
): RequestListener {
  const pipelines = new WeakMap<Socket, Pipeline>();
  const crowded = new Set<Pipeline>();
  const turns = new Turns();
  let waitingOfAll = 0;

  const pipelineOf = (socket: Socket): Pipeline => {
    const known = pipelines.get(socket);
    if (known) return known;
    const presence = new Presence(socket, { graceMs });
    const pipeline: Pipeline = { socket, presence, running: 0, called: 0, waiting: [] };
    pipelines.set(socket, pipeline);
    socket.once('close', () => drop(pipeline));
    // Node resumes a socket by itself behind each request that it has read, and each that has ended.
    socket.on('resume', () => {
      if (crowded.has(pipeline)) socket.pause();
    });
    return pipeline;
  };

  const drop = (pipeline: Pipeline): void => {
    crowded.delete(pipeline);
    waitingOfAll -= pipeline.waiting.length;
    // Node never ends answers that have no socket yet: whoever counts them is told here.
    for (const [, answer] of pipeline.waiting.splice(0)) answer.emit('close');
  };

  const endLongest = (): void => {
    let longest: Pipeline | undefined;
    for (const pipeline of crowded) {
      if (pipeline.waiting.length > (longest?.waiting.length ?? 0)) longest = pipeline;
    }
    if (!longest) return;
    end(longest.socket);
    drop(longest);
  };

  const call = (pipeline: Pipeline): void => {
    const { running, called, waiting } = pipeline;
    if (running + called >= MAX_RUNNING || called >= waiting.length) return;
    pipeline.called++;
    turns.run(() => next(pipeline));
  };

  const next = (pipeline: Pipeline): void => {
    const { socket, waiting } = pipeline;
    pipeline.called--;
    const waited = socket.destroyed ? undefined : waiting.shift();
    if (!waited) return;
    waitingOfAll--;
    run(pipeline, ...(waited as Parameters<Handle>));
    if (waiting.length > 0) return;
    crowded.delete(pipeline);
    pipeline.presence.paused = false;
    socket.resume();
  };

  const ended = (pipeline: Pipeline): void => {
    pipeline.running--;
    call(pipeline);
  };

  const run = (pipeline: Pipeline, ...[request, answer]: Parameters<Handle>): void => {
    pipeline.running++;
    pipeline.presence.began(answer);
    // A turn later: others run between, and the ended request has been counted by then.
    answer.once('close', () => {
      pipeline.presence.ended(answer);
      setImmediate(ended, pipeline);
    });
    handle(request, answer);
  };

  return (request, answer) => {
    if (request.socket.destroyed) {
      answer.emit('close'); // of the read in which its connection was ended
      return;
    }
    const pipeline = pipelineOf(request.socket);
    if (pipeline.running === 0 && pipeline.waiting.length === 0) {
      run(pipeline, request, answer);
      return;
    }
    pipeline.waiting.push([request, answer]);
    waitingOfAll++;
    if (!crowded.has(pipeline)) {
      crowded.add(pipeline);
      pipeline.presence.paused = true;
      pipeline.socket.pause();
    }
    if (waitingOfAll > MAX_WAITING) endLongest();
    else call(pipeline);
  };
}
