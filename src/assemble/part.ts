/**
 * What one system hands to the program: adding a system adds one file here, and one line in
 * `stages.ts`.
 *
 * A part gets its own slice of the configuration and the ground (`ground.ts`). Its metrics it adds to
 * the ground's registry, and whom its clients trust it asks the ground for, where it speaks TLS.
 * Disposal ends it: nobody reaches its mounts by then.
 */
import type { Mount } from '../serve/mount.ts';

export interface Part extends AsyncDisposable {
  readonly mounts: readonly Mount[];
  /** What `/readyz` tells of it, by name: whatever its state is, requests can be answered. */
  readonly mentions?: Readonly<Record<string, () => string>>;
}
