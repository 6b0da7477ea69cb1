/**
 * Bodies that wait for slow readers. A cache bounds what it holds, but a reader that takes nothing holds
 * a body after the cache has let it go. Past a bound, the readers of such bodies are cut off, those that
 * have waited longest first; readers of what the cache still holds are not.
 */
import type { ServerResponse } from 'node:http';
import { cutOff } from './cut-off.ts';

export interface BacklogOptions {
  /** Of all bodies that the cache has let go; one that several readers wait for counts once. */
  readonly maxBytes: number;
  /** Called for each reader that is cut off. */
  readonly onCut: () => void;
}

/** A body, and who waits for it. */
interface Waiting {
  readonly readers: Set<ServerResponse>;
  /** Whether the cache still holds the body. */
  readonly isStored: () => boolean;
}

/** How much more may wait, as a share of the bound, before all that waits is looked at again. */
const CHECK_SHARE = 0.125;

export class Backlog {
  readonly #options: BacklogOptions;
  /** The body that was added first comes first. */
  readonly #waiting = new Map<Buffer, Waiting>();
  #bytes = 0;
  /** At how many bytes all that waits is looked at. */
  #checkBytes: number;

  constructor(options: BacklogOptions) {
    this.#options = options;
    this.#checkBytes = options.maxBytes;
  }

  /** Of all bodies that wait, stored ones too. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Notes a body that was just given to a response as a whole; does nothing if all of it has gone. */
  add(response: ServerResponse, body: Buffer, isStored: () => boolean): void {
    if (response.writableLength === 0 || response.destroyed) return;
    const known = this.#waiting.get(body);
    if (known) known.readers.add(response);
    else {
      this.#waiting.set(body, { readers: new Set([response]), isStored });
      this.#bytes += body.length;
    }
    response.once('close', () => this.#remove(response, body));
    if (this.#bytes > this.#checkBytes) this.#cutOldest();
  }

  #remove(response: ServerResponse, body: Buffer): void {
    const readers = this.#waiting.get(body)?.readers;
    if (!readers?.delete(response) || readers.size > 0) return;
    this.#waiting.delete(body);
    this.#bytes -= body.length;
    this.#checkBytes = Math.min(this.#checkBytes, this.#nextCheck());
  }

  #nextCheck(): number {
    const { maxBytes } = this.#options;
    return Math.max(maxBytes, this.#bytes + maxBytes * CHECK_SHARE);
  }

  #cutOldest(): void {
    const { maxBytes, onCut } = this.#options;
    const loose = [...this.#waiting].filter(([, { isStored }]) => !isStored());
    let bytes = loose.reduce((sum, [body]) => sum + body.length, 0);
    for (const [body, { readers }] of loose) {
      if (bytes <= maxBytes) break;
      bytes -= body.length;
      for (const response of [...readers]) {
        onCut();
        cutOff(response.req.socket);
        this.#remove(response, body); // it closes later
      }
    }
    this.#checkBytes = this.#nextCheck();
  }
}
