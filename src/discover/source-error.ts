/**
 * Why a source gave no table, or no connection.
 */

/** The words are closed and stable: a log field, fit for a metric label. */
export type SourceFault =
  /** No connection, or it broke; no file. */
  | 'unreachable'
  | 'timeout'
  /** An HTTP status other than 200. */
  | 'status'
  /** More bytes than the bound, counted after decompression. */
  | 'too-large'
  /** Not JSON. */
  | 'json'
  /** JSON, but not an object of routes. */
  | 'shape'
  /** The bus refuses the credentials or a subscription. */
  | 'denied'
  /** Anything else; message and cause say what. */
  | 'internal';

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
