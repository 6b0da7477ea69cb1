/**
 * What came of asking one target: a page, or why there is none.
 */
import type { Failure } from './failure.ts';
import type { ScrapeTarget } from './target.ts';

interface Page {
  /** Decompressed. Its ArrayBuffer is its own and goes on for 16 bytes or more behind it. */
  readonly body: Buffer;
  /** As the instance wrote it; '' if it did not. */
  readonly contentType: string;
}

interface Asked {
  readonly target: ScrapeTarget;
  /** From the slot to the end; 0 if its turn never came. */
  readonly durationSeconds: number;
  /** Bytes of the page, after decompression, as far as it came. */
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
  /** The message of what broke it, where there is one: for the log. */
  readonly cause?: string;
}

/** Tell them apart by `failure` or by `page`. */
export type ScrapeAnswer = PageAnswer | FailedAnswer;
