/**
 * The stored responses of one origin: variants per address, bounded in bytes.
 *
 * Knows nothing of freshness (`rfc9111.ts`) nor of requests under way (`origin-flight.ts`). The variant that
 * was used longest ago makes room for a new one.
 */
import { LRUCache } from 'lru-cache';
import type { Fields } from './fields.ts';
import type { Freshness } from './rfc9111.ts';
import { matches, type Selector } from './vary.ts';

/** What a request asks for. */
export interface RequestKey {
  /** Path and query, as sent. */
  readonly target: string;
  /** What else tells requests apart, such as a keyed hash of the credential; '' where nothing does. */
  readonly scope: string;
}

export interface ResponseParts {
  readonly key: RequestKey;
  readonly status: number;
  readonly statusMessage: string;
  /** Without those of the connection, and without `Age`. */
  readonly fields: Fields;
  readonly body: Buffer;
  readonly freshness: Freshness;
  readonly selectors: readonly Selector[];
}

/** The bytes of a whole answer, as they were written at one second. */
export interface WrittenAnswer {
  readonly second: number;
  readonly bytes: Buffer;
}

/** Names a stored response as long as the store gives it to the requests that got it before. */
export interface Ticket {
  response: StoredResponse | undefined;
}

/** One stored response. Only `prepared` and `ticket` change. */
export class StoredResponse implements ResponseParts {
  readonly key: RequestKey;
  readonly status: number;
  readonly statusMessage: string;
  readonly fields: Fields;
  readonly body: Buffer;
  readonly freshness: Freshness;
  readonly selectors: readonly Selector[];
  /** Its cost to the bound. */
  readonly sizeBytes: number;
  /** Kept for the next hit of the same second. */
  prepared: WrittenAnswer | undefined;
  ticket: Ticket = { response: this };

  /** Whether the store still has it. */
  get isStored(): boolean {
    return this.ticket.response !== undefined;
  }

  constructor(parts: ResponseParts) {
    this.key = parts.key;
    this.status = parts.status;
    this.statusMessage = parts.statusMessage;
    this.fields = parts.fields;
    this.body = parts.body;
    this.freshness = parts.freshness;
    this.selectors = parts.selectors;
    this.sizeBytes = sizeOf(parts);
  }
}

/** What one stored response costs besides its texts and its body: objects, maps, list nodes. */
const OVERHEAD_BYTES = 1_024;
/** Bodies up to this size are kept a second time, joined to their head. */
export const MAX_JOINED_BYTES = 262_144;
/** Variants of one address; the oldest makes room. */
const MAX_VARIANTS = 64;

function sizeOf({ key, fields, body, selectors }: ResponseParts): number {
  let characters = key.target.length + key.scope.length;
  for (const text of fields.raw) characters += text.length + 8;
  for (const [name, value = ''] of selectors) characters += name.length + value.length + 32;
  const copies = body.length <= MAX_JOINED_BYTES ? 2 : 1;
  return OVERHEAD_BYTES + characters * (copies + 1) + body.length * copies;
}

export interface HttpStoreOptions {
  readonly maxBytes: number;
  /** Called for each response that made room for others. */
  readonly onEvicted?: () => void;
}

export class HttpStore {
  readonly #variants = new Map<string, StoredResponse[]>();
  readonly #recent: LRUCache<StoredResponse, StoredResponse>;
  /** The bound on `bytes`. */
  readonly maxBytes: number;
  /** Bodies of more bytes are not stored. */
  readonly maxBodyBytes: number;

  constructor({ maxBytes, onEvicted }: HttpStoreOptions) {
    this.maxBytes = maxBytes;
    this.maxBodyBytes = Math.floor(maxBytes / 4);
    this.#recent = new LRUCache({
      maxSize: Math.max(1, maxBytes),
      sizeCalculation: ({ sizeBytes }) => sizeBytes,
      dispose: (stored, _, reason) => {
        this.#unlist(stored);
        stored.ticket.response = undefined;
        if (reason === 'evict') onEvicted?.();
      },
    });
  }

  get bytes(): number {
    return this.#recent.calculatedSize;
  }

  get entries(): number {
    return this.#recent.size;
  }

  /** @returns the newest response that was stored for such a request, fresh or not */
  lookup({ target, scope }: RequestKey, request: Fields): StoredResponse | undefined {
    const variants = this.#variants.get(target);
    if (variants === undefined) return undefined;
    for (const stored of variants) {
      if (stored.key.scope !== scope) continue;
      if (stored.selectors.length > 0 && !isVariantFor(stored, request)) continue;
      this.#recent.get(stored);
      return stored;
    }
    return undefined;
  }

  /** Stores a response in place of the one that answered the same requests. */
  put(parts: ResponseParts): StoredResponse {
    const stored = new StoredResponse(parts);
    const { target, scope } = stored.key;
    const before = this.#variants.get(target) ?? [];
    for (const one of before) renewTicket(one); // requests that got it may get the new one
    const replaced = before.filter(
      (one) => one.key.scope === scope && sameSelectors(one.selectors, stored.selectors),
    );
    for (const one of replaced) this.#recent.delete(one);
    const oldest = before.length - replaced.length >= MAX_VARIANTS ? before.at(-1) : undefined;
    if (oldest) this.#recent.delete(oldest);
    if (stored.sizeBytes > this.#recent.maxSize) {
      stored.ticket.response = undefined;
      return stored;
    }
    this.#variants.set(target, [stored, ...(this.#variants.get(target) ?? [])]);
    this.#recent.set(stored, stored);
    return stored;
  }

  /** Notes that a response was used, which `lookup` does by itself. */
  used(stored: StoredResponse): void {
    this.#recent.get(stored);
  }

  remove(stored: StoredResponse): void {
    this.#recent.delete(stored);
  }

  /** Removes all responses of an address. @returns how many there were */
  invalidate(target: string): number {
    return this.#removeAll(this.#variants.get(target) ?? []);
  }

  /** Removes all responses whose address begins so; '' removes all. @returns how many there were */
  clear(prefix = ''): number {
    const found = [...this.#variants].filter(([target]) => target.startsWith(prefix));
    return this.#removeAll(found.flatMap(([, variants]) => variants));
  }

  #removeAll(variants: readonly StoredResponse[]): number {
    for (const stored of [...variants]) this.#recent.delete(stored);
    return variants.length;
  }

  #unlist(stored: StoredResponse): void {
    const { target } = stored.key;
    const others = this.#variants.get(target)?.filter((one) => one !== stored) ?? [];
    if (others.length === 0) this.#variants.delete(target);
    else this.#variants.set(target, others);
  }
}

function renewTicket(stored: StoredResponse): void {
  stored.ticket.response = undefined;
  stored.ticket = { response: stored };
}

function isVariantFor(stored: StoredResponse, request: Fields): boolean {
  return matches(stored.selectors, request, stored.fields.get('content-language'));
}

function sameSelectors(a: readonly Selector[], b: readonly Selector[]): boolean {
  return (
    a.length === b.length && a.every(([name, value], i) => b[i]![0] === name && b[i]![1] === value)
  );
}
