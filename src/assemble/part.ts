/**
 * A part: what one system adds to the program. A new system adds one file here and a few lines in
 * `stages.ts`.
 *
 * A part gets its own slice of the configuration, and the ground (`ground.ts`): it adds its metrics
 * to the ground's registry, and takes the authorities for TLS clients from the ground. The program
 * disposes of a part after the server has stopped.
 */
import type { Purge } from '../refresh/purge.ts';
import type { Mount } from '../serve/mount.ts';

export interface Part extends AsyncDisposable {
  readonly mounts: readonly Mount[];
  /** Drops kept answers. @returns how many are gone */
  readonly purge?: (what: Purge) => number;
  /** States by name, for the body of `/readyz`; they do not change its status. */
  readonly mentions?: Readonly<Record<string, () => string>>;
}
