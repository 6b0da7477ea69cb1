/**
 * The program's log: one JSON object per line on standard output, without secrets.
 *
 * Lines are written in the background. When nobody reads them fast enough they are dropped and
 * counted: a full pipe must not stop the program.
 */
import { type DestinationStream, pino } from 'pino';
import { redactFields, redactText } from './redact.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** Characters that may wait to be written. */
const MAX_WAITING = 4 * 1024 * 1024;

export type Level = (typeof LEVELS)[number];
export type Fields = Readonly<Record<string, unknown>>;
type Write = (message: string, fields?: Fields) => void;

export interface Log extends Readonly<Record<Level, Write>>, AsyncDisposable {
  /** Whether lines of this level are written: to save the work of making them. */
  readonly writes: (level: Level) => boolean;
}

export interface LogOptions {
  readonly level: Level;
  /** Where lines go instead of standard output. */
  readonly destination?: DestinationStream;
  /** Called for each line that was dropped because nobody reads. */
  readonly onDropped?: () => void;
}

export function createLog({ level, destination, onDropped }: LogOptions): Log {
  const output = destination ?? standardOutput(onDropped);
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  );
  const write =
    (at: Level): Write =>
    (message, fields) => {
      if (!logger.isLevelEnabled(at)) return;
      logger[at](redactFields(fields ?? {}) as object, redactText(message)); // a mapping stays one
    };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    writes: (at) => logger.isLevelEnabled(at),
    [Symbol.asyncDispose]: () => flush(output),
  };
}

function standardOutput(onDropped?: () => void) {
  const output = pino.destination({ dest: 1, sync: false, maxLength: MAX_WAITING });
  output.on('drop', () => onDropped?.());
  output.on('error', () => undefined); // the reader of the log is gone: there is nowhere to say it
  return output;
}

/** Waits until what was logged is written, but not for a reader that has stopped reading. */
function flush(output: DestinationStream): Promise<void> {
  return new Promise((resolve) => {
    if (!('flush' in output) || typeof output.flush !== 'function') return resolve();
    const timer = setTimeout(resolve, 500);
    output.flush(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
