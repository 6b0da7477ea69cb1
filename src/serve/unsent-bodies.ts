/**
 * Bounds the memory of bodies that readers have not taken yet.
 *
 * A kept page stays in memory as long as a reader takes it, also when the cache has dropped it: readers
 * that stop reading, each with another page, would take all memory. Beyond the bound, the reader that
 * has been at it longest is cut off.
 */

/** A body that a reader takes. Disposal ends that. */
export interface UnsentBody extends Disposable {
  /** @param cut - called when the reader has to end. Never called after the disposal. */
  readonly onRevoked: (cut: () => void) => void;
}

export class UnsentBodies {
  readonly #maxBytes: number;
  /** Who takes a body, the one that began first comes first -> how to cut it off. */
  readonly #readers = new Map<UnsentBody, { readonly body: Buffer; cut: () => void }>();
  /** Body -> how many take it: readers of one page share its bytes. */
  readonly #taken = new Map<Buffer, number>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  take(body: Buffer): UnsentBody {
    const reader: UnsentBody = {
      onRevoked: (cut) => {
        const known = this.#readers.get(reader);
        if (known) known.cut = cut;
      },
      [Symbol.dispose]: () => this.#end(reader),
    };
    this.#readers.set(reader, { body, cut: () => undefined });
    const takers = this.#taken.get(body) ?? 0;
    this.#taken.set(body, takers + 1);
    if (takers === 0) this.#bytes += body.length;
    this.#bound(reader);
    return reader;
  }

  /** The newest reader stays: it has had no time yet. */
  #bound(newest: UnsentBody): void {
    for (const [reader, { cut }] of this.#readers) {
      if (this.#bytes <= this.#maxBytes || reader === newest) return;
      this.#end(reader);
      cut();
    }
  }

  #end(reader: UnsentBody): void {
    const known = this.#readers.get(reader);
    if (!known) return;
    const { body } = known;
    this.#readers.delete(reader);
    const takers = this.#taken.get(body)! - 1;
    if (takers > 0) this.#taken.set(body, takers);
    else {
      this.#taken.delete(body);
      this.#bytes -= body.length;
    }
  }
}
