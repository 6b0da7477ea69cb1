/**
 * What `promgate scrape` is asked for, and what came of it.
 */

/** What is asked for, as the command line says it. */
export interface AskedApp {
  readonly app: string;
  readonly path: string | undefined;
  readonly instance: string | undefined;
  readonly process: string | undefined;
  readonly accept: string;
  readonly timeoutMs: number | undefined;
}

/** A page that comes in pieces, or why there is none. */
export type PageAnswer =
  | {
      readonly kind: 'page';
      readonly pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
    }
  | { readonly kind: 'unknown' | 'unavailable' | 'wrong' | 'down'; readonly says: string };
