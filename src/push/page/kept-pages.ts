/**
 * Pieces of pages that readers have got, so that the next page is rendered and compressed only where
 * blocks have changed.
 *
 * Bounded in bytes: the pages that were asked for longest ago are forgotten.
 */
import { type ZippedPiece, zipPiece } from '../read/gzip.ts';

/**
 * What a piece is made of: the heads of families as text, blocks as numbers that change with the
 * block. NaN for what is never the same again.
 */
export type PieceKey = string | number;

/** Where the bytes of a block lie in a piece. */
export interface BlockPlace {
  readonly key: number;
  readonly from: number;
  readonly to: number;
}

export class Piece {
  readonly keys: readonly PieceKey[];
  readonly plain: Buffer;
  readonly blocks: readonly BlockPlace[];
  readonly #onZipped: (bytes: number) => void;
  #zipped: Promise<ZippedPiece> | undefined;

  constructor(
    keys: readonly PieceKey[],
    plain: Buffer,
    blocks: readonly BlockPlace[],
    onZipped: (bytes: number) => void,
  ) {
    this.keys = keys;
    this.plain = plain;
    this.blocks = blocks;
    this.#onZipped = onZipped;
  }

  zipped(): Promise<ZippedPiece> {
    this.#zipped ??= this.#zip();
    return this.#zipped;
  }

  async #zip(): Promise<ZippedPiece> {
    try {
      const zipped = await zipPiece(this.plain);
      this.#onZipped(zipped.bytes.length);
      return zipped;
    } catch (error) {
      this.#zipped = undefined; // the next reader tries again
      throw error;
    }
  }

  isOf(keys: readonly PieceKey[]): boolean {
    return keys.length === this.keys.length && keys.every((key, at) => key === this.keys[at]);
  }
}

interface KeptPiece {
  readonly piece: Piece;
  sizeBytes: number;
  /** The last page that it was part of. */
  page: number;
}

/** Beside its bytes, what a piece and each of its parts take; measured, rounded up. */
const PIECE_BYTES = 512;
const KEY_BYTES = 64;

/** The pieces of one page. */
export class KeptPage {
  readonly #pieces = new Map<PieceKey, KeptPiece>();
  readonly #blocks = new Map<number, { readonly piece: Piece; readonly place: BlockPlace }>();
  readonly #pages: KeptPages;
  #begun = 0;
  #isForgotten = false;
  sizeBytes = 0;

  constructor(pages: KeptPages) {
    this.#pages = pages;
  }

  /** Notes that a page begins. @returns its number, for the other methods */
  begin(): number {
    return ++this.#begun;
  }

  find(keys: readonly PieceKey[], page: number): Piece | undefined {
    const kept = this.#pieces.get(keys[0] ?? '');
    if (!kept?.piece.isOf(keys)) return undefined;
    kept.page = Math.max(kept.page, page);
    return kept.piece;
  }

  /** The bytes of a block in whatever piece it lies. */
  bytesOf(key: number): Uint8Array | undefined {
    const found = this.#blocks.get(key);
    return found?.piece.plain.subarray(found.place.from, found.place.to);
  }

  /** Makes a piece, and keeps it if there is room. */
  add(
    keys: readonly PieceKey[],
    plain: Buffer,
    blocks: readonly BlockPlace[],
    page: number,
  ): Piece {
    const piece: Piece = new Piece(keys, plain, blocks, (bytes) => this.#grow(piece, bytes));
    const sizeBytes = PIECE_BYTES + plain.length + keys.length * KEY_BYTES;
    this.#drop(keys[0] ?? '');
    if (this.#isForgotten || !this.#pages.makeRoom(sizeBytes, this)) return piece;
    this.#pieces.set(keys[0] ?? '', { piece, sizeBytes, page });
    for (const place of blocks) this.#blocks.set(place.key, { piece, place });
    this.sizeBytes += sizeBytes;
    return piece;
  }

  #grow(piece: Piece, bytes: number): void {
    const kept = this.#pieces.get(piece.keys[0] ?? '');
    if (kept?.piece !== piece) return;
    kept.sizeBytes += bytes;
    this.sizeBytes += bytes;
    if (!this.#pages.makeRoom(0, this)) this.#drop(piece.keys[0] ?? '');
  }

  /** Forgets the pieces that neither this page nor one that began later has. */
  end(page: number): void {
    for (const [key, kept] of this.#pieces) if (kept.page < page) this.#drop(key);
  }

  #drop(key: PieceKey): void {
    const kept = this.#pieces.get(key);
    if (!kept) return;
    this.#pieces.delete(key);
    this.sizeBytes -= kept.sizeBytes;
    for (const place of kept.piece.blocks) {
      if (this.#blocks.get(place.key)?.piece === kept.piece) this.#blocks.delete(place.key);
    }
  }

  /** Forgets all. Readers that still take the page get it, but nothing more is kept. */
  forget(): void {
    this.#isForgotten = true;
    this.#pieces.clear();
    this.#blocks.clear();
    this.sizeBytes = 0;
  }
}

/** The pages of all formats and tenants. */
export class KeptPages {
  readonly #maxBytes: number;
  /** By name; the page that was asked for longest ago comes first. */
  readonly #pages = new Map<string, KeptPage>();

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get sizeBytes(): number {
    let bytes = 0;
    for (const page of this.#pages.values()) bytes += page.sizeBytes;
    return bytes;
  }

  /** @param name - of the tenant and the format */
  page(name: string): KeptPage {
    const page = this.#pages.get(name) ?? new KeptPage(this);
    this.#pages.delete(name);
    this.#pages.set(name, page);
    for (const [other] of this.#pages) {
      if (this.#pages.size <= MAX_PAGES) break;
      this.#forget(other);
    }
    return page;
  }

  /** Forgets pages until there is room for `bytes`. @returns whether there is */
  makeRoom(bytes: number, asking: KeptPage): boolean {
    let most = this.#maxBytes - bytes;
    for (const page of this.#pages.values()) most -= page.sizeBytes;
    for (const [name, page] of this.#pages) {
      if (most >= 0) return true;
      if (page === asking) continue;
      most += page.sizeBytes;
      this.#forget(name);
    }
    return most >= 0;
  }

  #forget(name: string): void {
    this.#pages.get(name)?.forget();
    this.#pages.delete(name);
  }
}

/** Bound on the pages that are kept: one for each tenant, format and way of escaping. */
const MAX_PAGES = 256;
