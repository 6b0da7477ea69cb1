/**
 * What the cache needs of an origin: a function that opens a request, and who is told what comes.
 */
import type { Readable } from 'node:stream';
import type { Fields } from './fields.ts';

export interface OriginRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly fields: Fields;
  readonly body?: Readable | undefined;
}

export interface ResponseHead {
  readonly status: number;
  readonly statusMessage: string;
  readonly fields: Fields;
}

/** Why an origin gave no whole answer: a closed set. */
export type OriginFailure =
  | 'refused'
  | 'unreachable'
  | 'tls'
  | 'timeout'
  | 'closed'
  | 'truncated'
  | 'not-http'
  | 'headers-too-large'
  | 'bad-request'
  | 'busy'
  | 'aborted';

export interface OriginReceiver {
  /** An interim response, such as 103. */
  readonly interim: (head: ResponseHead) => void;
  readonly started: (head: ResponseHead) => void;
  readonly received: (chunk: Buffer) => void;
  readonly ended: () => void;
  /** Called at most once, and never after `ended`. @param cause - for the log */
  readonly failed: (failure: OriginFailure, cause: string) => void;
}

/** A request under way. */
export interface OriginCall {
  /** Stops the body from coming until `resume`. */
  pause(): void;
  resume(): void;
  /** Ends it; its receiver is told nothing more. */
  abort(): void;
}

export type OpenOrigin = (request: OriginRequest, receiver: OriginReceiver) => OriginCall;
