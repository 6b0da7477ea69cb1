/**
 * Bodies that wait for slow readers: each is bounded by its cache, but a reader that takes nothing holds
 * a body after the cache has let it go. Past the bound, the readers that have waited longest are cut off.
 */
import type { ServerResponse } from 'node:http';
import { cutOff } from './cut-off.ts';

export interface BacklogOptions {
  /** Of all bodies together; one that several readers wait for counts once. */
  readonly maxBytes: number;
  /** Called for each reader that is cut off. */
  readonly onCut: () => void;
}

export class Backlog {
  readonly #options: BacklogOptions;
  /** Who waits for each body; the body that was added first comes first. */
  readonly #readers = new Map<Buffer, Set<ServerResponse>>();
  #bytes = 0;

  constructor(options: BacklogOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Notes a body that was just given to a response as a whole; does nothing if all of it has gone. */
  add(response: ServerResponse, body: Buffer): void {
    if (response.writableLength === 0 || response.destroyed) return;
    const readers = this.#readers.get(body);
    if (readers) readers.add(response);
    else {
      this.#readers.set(body, new Set([response]));
      this.#bytes += body.length;
    }
    response.once('close', () => this.#remove(response, body));
    if (this.#bytes > this.#options.maxBytes) this.#cutOldest(body);
  }

  #remove(response: ServerResponse, body: Buffer): void {
    const readers = this.#readers.get(body);
    if (!readers?.delete(response) || readers.size > 0) return;
    this.#readers.delete(body);
    this.#bytes -= body.length;
  }

  /** @param newest - is spared: its readers have only just begun */
  #cutOldest(newest: Buffer): void {
    for (const [body, readers] of this.#readers) {
      if (this.#bytes <= this.#options.maxBytes) return;
      if (body === newest) continue;
      for (const response of [...readers]) {
        this.#options.onCut();
        cutOff(response.req.socket);
        this.#remove(response, body); // it closes later
      }
    }
  }
}
