/**
 * Why a source gave no listing, or lost its connection.
 */

/** A closed, stable set of words, which serve as a log field and a metric label. */
export const SOURCE_FAULTS = [
  /** The source cannot connect, lost its connection, or cannot read its file. */
  'unreachable',
  'timeout',
  /** An HTTP status other than 200. */
  'status',
  /** The listing exceeds its bound on bytes, after decompression, or the memory. */
  'too-large',
  /** Not JSON. */
  'json',
  /** JSON, but not an object of routes. */
  'shape',
  /** NATS refuses the credentials or a subscription; UAA or the CF API refuses promgate. */
  'denied',
  /** The CF API or UAA says that promgate has asked too much. */
  'rate-limited',
  /** The pages of a list of the CF API contradict each other, or there are too many. */
  'pages',
  /** Any other failure; see message and cause. */
  'internal',
] as const;

export type SourceFault = (typeof SOURCE_FAULTS)[number];

/** A source failed as a whole; its last routes stay in the table. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
  readonly fault: SourceFault;

  constructor(fault: SourceFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}

/** Wraps any other error in a `SourceError` with the fault 'internal'. */
export function toSourceError(error: unknown): SourceError {
  if (error instanceof SourceError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new SourceError('internal', text, { cause: error });
}
