/**
 * The program's log: one JSON object per line on standard output, without secrets.
 */
import { type DestinationStream, pino } from 'pino';
import { standardOutput } from './output.ts';
import { redactFields, redactText } from './redact.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

export type Level = (typeof LEVELS)[number];
export type LogFields = Readonly<Record<string, unknown>>;
type Write = (message: string, fields?: LogFields) => void;

export interface Log extends Readonly<Record<Level, Write>>, AsyncDisposable {
  /** Whether lines of this level are written, so that callers can skip the work of making them. */
  readonly writes: (level: Level) => boolean;
}

export interface LogOptions {
  readonly level: Level;
  /** The destination of lines in place of standard output. */
  readonly destination?: DestinationStream;
  /** Called for each line that is dropped because the reader of standard output is too slow. */
  readonly onDropped?: () => void;
}

export function createLog({ level, destination, onDropped }: LogOptions): Log {
  const output = destination ? undefined : standardOutput(() => onDropped?.());
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: (described: unknown) => described }, // pino's would add the type "Object"
    },
    destination ?? output,
  );
  const write =
    (at: Level): Write =>
    (message, fields) => {
      if (!logger.isLevelEnabled(at)) return;
      logger[at](redactFields(fields ?? {}) as object, redactText(message)); // an object in, an object out
    };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    writes: (at) => logger.isLevelEnabled(at),
    [Symbol.asyncDispose]: async () => output?.flush(),
  };
}
