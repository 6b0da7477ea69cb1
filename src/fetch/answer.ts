/**
 * The result of asking one target: a page, or the reason why there is none.
 */
import type { Failure } from './failure.ts';
import type { ResponseHeaders } from './get.ts';
import type { ScrapeTarget } from './target.ts';

interface Page {
  /** Decompressed. It shares its ArrayBuffer with nobody; 16 spare bytes or more follow it. */
  readonly body: Buffer;
  /** The `Content-Type` as the instance sent it; '' if it sent none. */
  readonly contentType: string;
  readonly headers: ResponseHeaders;
}

interface Asked {
  readonly target: ScrapeTarget;
  /** From getting the slot to the end of the fetch; 0 if the fetch never got a slot. */
  readonly durationSeconds: number;
  /** Bytes of the page that arrived, after decompression. */
  readonly bodyBytes: number;
}

interface PageAnswer extends Asked {
  readonly page: Page;
  readonly failure?: never;
}

interface FailedAnswer extends Asked {
  readonly page?: never;
  readonly failure: Failure;
  /** The HTTP status, where there was one. */
  readonly status?: number;
  /** The message of the underlying error, if there is one; for the log. */
  readonly cause?: string;
}

/** Tell them apart by `failure` or by `page`. */
export type ScrapeAnswer = PageAnswer | FailedAnswer;
