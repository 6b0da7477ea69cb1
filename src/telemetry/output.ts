/**
 * Standard output for the log: lines go out in the background, and a reader that has stopped
 * reading stops neither the program nor its end.
 *
 * Pino's own writer uses threads that block in `write`: with a full pipe the process would not end.
 */
import { fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import { type DestinationStream, pino } from 'pino';

/** Bytes that may wait to be written; further lines are dropped. */
const MAX_WAITING = 4 * 1024 * 1024;
const FLUSH_MS = 500;
const STANDARD_OUTPUT = 1;

export interface Output extends DestinationStream {
  /** Resolves when all is written, or after half a second. */
  readonly flush: () => Promise<void>;
}

/** @param onDropped - called for each line that is dropped because nobody reads */
export function standardOutput(onDropped: () => void): Output {
  const stat = fstatSync(STANDARD_OUTPUT);
  if (stat.isFIFO() || stat.isSocket()) return pipeOutput(onDropped);
  const file = pino.destination({ dest: STANDARD_OUTPUT, sync: true });
  file.on('error', () => undefined); // a full disk: there is nowhere else to say it
  return { write: (line) => file.write(line), flush: () => Promise.resolve() };
}

function pipeOutput(onDropped: () => void): Output {
  const pipe = new Socket({ fd: STANDARD_OUTPUT, readable: false, writable: true });
  pipe.unref();
  pipe.on('error', () => undefined); // the reader is gone: there is nowhere else to say it
  return {
    write: (line) => {
      if (pipe.destroyed) return;
      if (pipe.writableLength < MAX_WAITING) pipe.write(line);
      else onDropped();
    },
    flush: () =>
      new Promise((resolve) => {
        if (pipe.destroyed || pipe.writableLength === 0) return resolve();
        const timer = setTimeout(resolve, FLUSH_MS);
        pipe.write('', () => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}
