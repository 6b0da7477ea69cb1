/**
 * One GET: what may be asked of it while it is under way, and who hears what comes of it.
 *
 * `undici.ts` and `lenient.ts` carry it out, `page.ts` listens.
 */
import type { Failure } from './failure.ts';

export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** The value of a header; of several the first. */
export function firstValue(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}

/** Who gets a response, piece by piece. Nothing comes after `ended` or `failed`. Must not throw. */
export interface Receiver {
  started(status: number, headers: ResponseHeaders): void;
  /**
   * May still be called a few times after `pause`.
   *
   * @param pieces - how many pieces it was put together from; standard: 1
   */
  received(chunk: Buffer, pieces?: number): void;
  ended(): void;
  failed(failed: FailedGet): void;
  /** Whether it may be sent once more, on another connection. Standard: it may. */
  mayRetry?(): boolean;
}

/** Why a GET gave no response, or no whole one. */
export interface FailedGet {
  readonly failure: Failure;
  /** It did not answer in time, as far as connecting is concerned. */
  readonly hung?: boolean;
  /** The strict parser refused what came: the lenient one may read it. */
  readonly refused?: boolean;
  /** The message of what broke it, for the log. */
  readonly cause: string;
}

/** A GET under way, over whatever connection. */
export interface Get {
  /** Stops the flow until `resume`. */
  pause(): void;
  resume(): void;
  /** Ends it at once, with its connection. The receiver hears nothing more. */
  abort(): void;
  /** It could not connect so far: the process has no descriptor left. It goes on trying. */
  readonly wantsDescriptor: boolean;
  /** The final status has come: what follows may be as large as a body. */
  bodyBegins(maxBodyBytes: number): void;
}
