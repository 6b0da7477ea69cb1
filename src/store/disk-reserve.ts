/**
 * Space on the disk of a SQLite file that only revoking may use.
 *
 * Every change of SQLite writes to the disk, a deletion too, so a full disk would keep a token alive.
 * A file beside the database holds some space until a deletion needs it; nothing else is stored
 * unless it is there, and as much is free besides.
 */

import { randomBytes } from 'node:crypto';
import { rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { StoreAwayError } from '../../broker/binding-store.ts';
import { reasonOf } from './session.ts';

/** Some deletions, each of which writes ten pages of 4 KiB. */
const RESERVE_BYTES = 256 * 1024;

export class DiskReserve {
  readonly #file: string;

  /** @param database - the file of the database */
  constructor(database: string) {
    this.#file = `${database}-reserve`;
  }

  /** @throws {StoreAwayError} when the disk is full, or cannot be asked */
  hold(): void {
    let freeBytes: number;
    try {
      if (statSync(this.#file, { throwIfNoEntry: false })?.size !== RESERVE_BYTES) this.#fill();
      const { bavail, bsize } = statfsSync(this.#file);
      freeBytes = bavail * bsize;
    } catch (cause) {
      throw new StoreAwayError(`no space for more than revoking: ${reasonOf(cause)}`, { cause });
    }
    if (freeBytes < RESERVE_BYTES) {
      throw new StoreAwayError('no space for more than revoking: the disk is nearly full');
    }
  }

  /** @returns whether the disk has space */
  tryHold(): boolean {
    try {
      this.hold();
      return true;
    } catch (error) {
      if (error instanceof StoreAwayError) return false;
      throw error;
    }
  }

  /** For a deletion. */
  release(): void {
    rmSync(this.#file, { force: true });
  }

  #fill(): void {
    try {
      // Random, since some file systems store zeros in no space at all.
      writeFileSync(this.#file, randomBytes(RESERVE_BYTES), { mode: 0o600 });
    } catch (error) {
      this.release(); // a part of it helps nobody
      throw error;
    }
  }
}
