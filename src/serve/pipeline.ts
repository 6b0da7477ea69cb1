/**
 * The requests of one connection: only so many run at once, in the order in which they came.
 *
 * One read can hold thousands of pipelined requests, and Node's parser hands all of them over in
 * one go. What is beyond the bound waits unhandled while the socket is paused, so that at most one
 * read's worth waits; it is dropped when the reader leaves.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Requests of one connection that run at once. */
export const MAX_RUNNING = 8;

interface Pipeline {
  running: number;
  readonly waiting: (readonly [IncomingMessage, ServerResponse<IncomingMessage>])[];
}

type Handle = (
  request: IncomingMessage,
  answer: ServerResponse<IncomingMessage> & { req: IncomingMessage },
) => void;

export function limitPipelining(handle: RequestListener): RequestListener {
  const pipelines = new WeakMap<Socket, Pipeline>();
  const pipelineOf = (socket: Socket): Pipeline => {
    const known = pipelines.get(socket);
    if (known) return known;
    const pipeline: Pipeline = { running: 0, waiting: [] };
    pipelines.set(socket, pipeline);
    socket.once('close', () => {
      // Node never ends answers that have no socket yet: whoever counts them is told here.
      for (const [, answer] of pipeline.waiting.splice(0)) answer.emit('close');
    });
    return pipeline;
  };
  const next = (socket: Socket, pipeline: Pipeline): void => {
    pipeline.running--;
    if (socket.destroyed) return;
    const waited = pipeline.waiting.shift();
    if (waited) run(...(waited as Parameters<Handle>));
    else if (socket.isPaused()) socket.resume();
  };
  const run: Handle = (request, answer) => {
    const { socket } = request;
    const pipeline = pipelineOf(socket);
    pipeline.running++;
    // A turn later: others run between, and the ended request has been counted by then.
    answer.once('close', () => setImmediate(next, socket, pipeline));
    handle(request, answer);
  };
  return (request, answer) => {
    const { running, waiting } = pipelineOf(request.socket);
    if (running < MAX_RUNNING) {
      run(request, answer);
      return;
    }
    waiting.push([request, answer]);
    request.socket.pause();
  };
}
