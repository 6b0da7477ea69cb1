/**
 * Standard output for the log. A pipe is written in the background, so a reader that has stopped
 * reading blocks neither the program nor its exit.
 *
 * Pino's own writer uses threads that block in `write`: with a full pipe the process would not
 * exit.
 */
import { fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import { type DestinationStream, pino } from 'pino';

/** Bound on the bytes that wait to be written; further lines are dropped. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
const FLUSH_MS = 500;
/** How long lines are gathered, and how many bytes of them: a write for each would cost more. */
const GATHER_MS = 20;
const GATHERED_BYTES = 16_384;
const STANDARD_OUTPUT = 1;

export interface Output extends DestinationStream {
  /** Resolves when all lines are written, or after half a second. */
  readonly flush: () => Promise<void>;
}

/** @param onDropped - called for each line that is dropped because the reader is too slow */
export function standardOutput(onDropped: () => void): Output {
  const stat = fstatSync(STANDARD_OUTPUT);
  if (stat.isFIFO() || stat.isSocket()) return pipeOutput(onDropped);
  const file = pino.destination({ dest: STANDARD_OUTPUT, sync: true });
  file.on('error', () => undefined); // the disk is full: the error cannot be reported anywhere
  return { write: (line) => file.write(line), flush: () => Promise.resolve() };
}

function pipeOutput(onDropped: () => void): Output {
  const pipe = new Socket({ fd: STANDARD_OUTPUT, readable: false, writable: true });
  pipe.unref();
  pipe.on('error', () => undefined); // the reader is gone: the error cannot be reported anywhere
  let lines = '';
  let timer: NodeJS.Timeout | undefined;
  const writeLines = (): void => {
    clearTimeout(timer);
    if (lines !== '' && !pipe.destroyed) pipe.write(lines);
    lines = '';
  };
  process.once('exit', writeLines); // also of a process that ends itself after a fault
  return {
    write: (line) => {
      if (pipe.destroyed) return;
      if (pipe.writableLength + lines.length >= MAX_WAITING_BYTES) return onDropped();
      if (lines === '') timer = setTimeout(writeLines, GATHER_MS);
      lines += line;
      if (lines.length >= GATHERED_BYTES) writeLines();
    },
    flush: () =>
      new Promise((resolve) => {
        writeLines();
        if (pipe.destroyed || pipe.writableLength === 0) return resolve();
        const timer = setTimeout(resolve, FLUSH_MS);
        pipe.write('', () => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}
