/**
 * Bounds the memory of bodies that are being read: over all tenants, and for each. One tenant may take
 * a quarter of the room, or one body of the largest size, so that nobody keeps the others out.
 */
import { Problem } from './errors.ts';

const SHARE = 4;
const RETRY = { 'Retry-After': '1' };

export interface PushRoomOptions {
  readonly maxBytes: number;
  /** The largest body, after decompression: each tenant has room for one. */
  readonly largestBytes: number;
}

/** The bytes that one request takes. Disposal gives these back. */
export interface Taken extends Disposable {
  /**
   * @param bytes - negative to give some back
   * @throws {Problem} `busy`, if there is no room
   */
  more(bytes: number): void;
}

export class PushRoom {
  readonly #maxBytes: number;
  readonly #ofTenantBytes: number;
  readonly #taken = new Map<string, number>();
  #bytes = 0;

  constructor({ maxBytes, largestBytes }: PushRoomOptions) {
    this.#maxBytes = maxBytes;
    this.#ofTenantBytes = Math.min(maxBytes, Math.max(2 * largestBytes, maxBytes / SHARE));
  }

  /** What all bodies take now. */
  get bytes(): number {
    return this.#bytes;
  }

  take(tenant: string): Taken {
    let own = 0;
    return {
      more: (bytes) => {
        this.#add(tenant, bytes);
        own += bytes;
      },
      [Symbol.dispose]: () => {
        this.#give(tenant, own);
        own = 0;
      },
    };
  }

  #add(tenant: string, bytes: number): void {
    const ofTenant = (this.#taken.get(tenant) ?? 0) + bytes;
    if (bytes > 0 && ofTenant > this.#ofTenantBytes) {
      const detail = 'too many bytes of your pushes are being read: send fewer at once';
      throw new Problem('busy', detail, { status: 429, headers: RETRY });
    }
    if (bytes > 0 && this.#bytes + bytes > this.#maxBytes) {
      throw new Problem('busy', 'too many bytes of pushes are being read: send the push again', {
        headers: RETRY,
      });
    }
    this.#taken.set(tenant, ofTenant);
    this.#bytes += bytes;
  }

  #give(tenant: string, bytes: number): void {
    this.#bytes -= bytes;
    const left = (this.#taken.get(tenant) ?? 0) - bytes;
    if (left > 0) this.#taken.set(tenant, left);
    else this.#taken.delete(tenant);
  }
}
