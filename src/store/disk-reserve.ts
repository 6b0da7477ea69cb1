/**
 * Disk space beside a SQLite file that only deletions (which revoke tokens) may use.
 *
 * Every change in SQLite writes to the disk, even a deletion, so a full disk would keep a token
 * valid. A reserve file beside the database occupies some space until a deletion needs it. The
 * store adds nothing unless the reserve file exists and as much space again is free.
 */

import { randomBytes } from 'node:crypto';
import { rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { StoreAwayError } from '../../broker/binding-store.ts';
import { reasonOf } from './session.ts';

/** Enough for several deletions, each of which writes 40 KiB. */
const RESERVE_BYTES = 256 * 1024;

export class DiskReserve {
  readonly #file: string;

  /** @param database - the path of the SQLite file */
  constructor(database: string) {
    this.#file = `${database}-reserve`;
  }

  /**
   * Makes the reserve file unless it exists.
   *
   * @throws {StoreAwayError} when the disk is nearly full, or the file cannot be made
   */
  hold(): void {
    let freeBytes: number;
    try {
      if (statSync(this.#file, { throwIfNoEntry: false })?.size !== RESERVE_BYTES) this.#fill();
      const { bavail, bsize } = statfsSync(this.#file);
      freeBytes = bavail * bsize;
    } catch (cause) {
      const text = 'cannot reserve disk space for unbinding, so that nothing new is stored';
      throw new StoreAwayError(`${text}: ${reasonOf(cause)}`, { cause });
    }
    if (freeBytes < RESERVE_BYTES) {
      throw new StoreAwayError(
        'the disk is nearly full, so that nothing new is stored: free space',
      );
    }
  }

  /** Does the same as `hold`. @returns false where `hold` throws */
  tryHold(): boolean {
    try {
      this.hold();
      return true;
    } catch (error) {
      if (error instanceof StoreAwayError) return false;
      throw error;
    }
  }

  /** Frees the reserved space for a deletion. */
  release(): void {
    rmSync(this.#file, { force: true });
  }

  #fill(): void {
    try {
      // Random bytes, since some file systems use no space for zeros.
      writeFileSync(this.#file, randomBytes(RESERVE_BYTES), { mode: 0o600 });
    } catch (error) {
      this.release(); // half a reserve file helps nobody
      throw error;
    }
  }
}
