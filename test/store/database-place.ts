/** A database of a test, and the stores that it opens there. */
import type { Adopt } from '../../src/store/app-endpoints.ts';
import type { SqlBindingStore } from '../../src/store/sql-binding-store.ts';
import { openStore, type StoreOptions } from './open-store.ts';

interface PlaceOptions extends Omit<StoreOptions, 'url'> {
  /** What becomes of the rows of Promfetcher's table. */
  readonly adopt?: Adopt;
}

export interface DatabasePlace extends AsyncDisposable {
  readonly url: string;
  /** Runs statements as another program would, each by itself. @returns the rows of the last one */
  run(...statements: readonly string[]): Promise<Record<string, unknown>[]>;
  /** Each is another replica; closed with the place. */
  open(options?: PlaceOptions): Promise<SqlBindingStore>;
}

export interface DatabasePlaceOptions {
  readonly url: string;
  readonly run: DatabasePlace['run'];
  /** What goes when the stores are closed. */
  readonly remove?: () => Promise<void>;
}

export function databasePlace({
  url,
  run,
  remove = async () => {},
}: DatabasePlaceOptions): DatabasePlace {
  const parts = new AsyncDisposableStack();
  parts.defer(remove);
  return {
    url,
    run,
    open: async ({ adopt, ...options } = {}) => {
      const store = parts.use(await openStore({ url, ...options }));
      if (adopt) await store.adoptEndpoints(adopt);
      return store;
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
