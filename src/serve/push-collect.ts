/**
 * Collects the body of a push while it arrives, and charges it to the memory of bodies.
 */
import type { IncomingMessage } from 'node:http';
import { Problem } from './errors.ts';
import type { Taken } from './push-room.ts';

/**
 * Calls `arrived` with the whole body, with the problem if there is no room for the body, or with
 * undefined if the client has left before.
 */
export function collect(
  req: IncomingMessage,
  taken: Taken,
  arrived: (body: Buffer | Problem | undefined) => void,
): void {
  const chunks: Buffer[] = [];
  let problem: Problem | undefined;
  let isOver = false;
  const end = (body: Buffer | Problem | undefined): void => {
    if (isOver) return;
    isOver = true;
    arrived(body);
  };
  req.on('data', (chunk: Buffer) => {
    if (problem) return;
    try {
      taken.more(chunk.length); // a client that promises a body, and sends none, takes nothing
      chunks.push(chunk);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem = error;
      chunks.length = 0;
    }
  });
  req.once('end', () => {
    const [first] = chunks;
    end(problem ?? (first && chunks.length === 1 ? first : Buffer.concat(chunks)));
  });
  req.once('error', () => end(undefined));
  req.once('close', () => end(undefined));
}
