/**
 * The interface of one GET: how its owner controls it, and how it reports the response.
 *
 * `undici.ts` and `lenient.ts` implement `Get`; `page.ts` implements `Receiver`.
 */
import type { Failure } from './failure.ts';

export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** The value of a header; the first if there are several. */
export function firstValue(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}

/** Gets a response piece by piece; no call follows `ended` or `failed`. Must not throw. */
export interface Receiver {
  started(status: number, headers: ResponseHeaders): void;
  /**
   * May still be called a few times after `pause`.
   *
   * @param pieces - how many pieces from the wire the chunk was joined from; default: 1
   */
  received(chunk: Buffer, pieces?: number): void;
  ended(): void;
  failed(failed: FailedGet): void;
  /** Whether it may be sent once more, on another connection. Standard: it may. */
  mayRetry?(): boolean;
}

/** Why a GET gave no complete response. */
export interface FailedGet {
  readonly failure: Failure;
  /** Whether no connection could be opened in time. */
  readonly hung?: boolean;
  /** Whether the strict parser refused a response that the lenient parser may read. */
  readonly refused?: boolean;
  /** The message of the underlying error, for the log. */
  readonly cause: string;
}

/** A GET under way. */
export interface Get {
  /** Stops the chunks until `resume`. */
  pause(): void;
  resume(): void;
  /** Ends the GET and its connection at once, without a further call of the receiver. */
  abort(): void;
  /** Whether the GET retries to connect, since the process has no descriptor left. */
  readonly wantsDescriptor: boolean;
  /** Raises the bound on received bytes to that of a body, after the final status arrived. */
  bodyBegins(maxBodyBytes: number): void;
}
