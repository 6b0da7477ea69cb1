/**
 * Why a source gave no table, or no connection.
 *
 * The words are closed and stable: a metric label and a log field.
 */
export const SOURCE_FAULTS = [
  /** No connection, or it broke. */
  'unreachable',
  'timeout',
  /** An HTTP status other than 200. */
  'status',
  /** More bytes than the bound, counted after decompression. */
  'too-large',
  /** Not JSON. */
  'json',
  /** JSON, but not an object of routes. */
  'shape',
  /** The bus refuses the credentials or a subscription. */
  'denied',
  /** Anything else; the cause says what. */
  'internal',
] as const;

export type SourceFault = (typeof SOURCE_FAULTS)[number];

/** A source failed as a whole; what it gave before stays listed. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
  readonly fault: SourceFault;

  constructor(fault: SourceFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}

/** What is no `SourceError` yet becomes an internal one. */
export function toSourceError(error: unknown): SourceError {
  if (error instanceof SourceError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new SourceError('internal', text, { cause: error });
}
