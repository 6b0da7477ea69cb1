/**
 * The events that wait to be sent, in a ring of bounded length and size.
 *
 * The events of a batch under way stay in the ring until they are sent, so that they count. A full
 * ring takes no further event: those that wait keep their order and their places.
 */
import { type RequestEvent, sizeOf } from './request-event.ts';

export interface RingBounds {
  readonly maxEvents: number;
  readonly maxBytes: number;
}

export class EventRing {
  readonly #bounds: RingBounds;
  readonly #slots: (RequestEvent | undefined)[] = [];
  #head = 0;
  #length = 0;
  #bytes = 0;

  constructor(bounds: RingBounds) {
    this.#bounds = bounds;
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns false if there is no room */
  push(event: RequestEvent): boolean {
    const { maxEvents, maxBytes } = this.#bounds;
    const bytes = this.#bytes + sizeOf(event);
    if (this.#length >= maxEvents || bytes > maxBytes) return false;
    this.#slots[(this.#head + this.#length) % maxEvents] = event;
    this.#length += 1;
    this.#bytes = bytes;
    return true;
  }

  /** @returns the oldest events; at least one, unless the ring is empty */
  first({ maxEvents, maxBytes }: RingBounds): RequestEvent[] {
    const events: RequestEvent[] = [];
    let bytes = 0;
    while (events.length < Math.min(maxEvents, this.#length)) {
      const event = this.#at(events.length);
      bytes += sizeOf(event);
      if (events.length > 0 && bytes > maxBytes) break;
      events.push(event);
    }
    return events;
  }

  /** Removes the `count` oldest events, which are all there. */
  remove(count: number): void {
    for (let index = 0; index < count; index += 1) {
      this.#bytes -= sizeOf(this.#at(0));
      this.#slots[this.#head] = undefined;
      this.#head = (this.#head + 1) % this.#bounds.maxEvents;
      this.#length -= 1;
    }
  }

  #at(index: number): RequestEvent {
    const event = this.#slots[(this.#head + index) % this.#bounds.maxEvents];
    if (!event) throw new RangeError('the ring has no such event');
    return event;
  }
}
