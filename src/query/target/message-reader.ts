/**
 * The wire format of Protocol Buffers: a cursor over the fields of the messages of remote read.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
const TWO_28 = 2 ** 28;
const TWO_56 = 2 ** 56;

/** The bytes are no message, or not the expected one. */
export class MessageError extends Error {
  override readonly name = 'MessageError';
}

export class MessageReader {
  readonly bytes: Buffer;
  at: number;
  end: number;
  /** The number of the field read last. */
  field = 0;
  #wire = VARINT;
  /** How many fields may still come. */
  #fieldsLeft: number;

  constructor(bytes: Buffer, from = 0, to = bytes.length, maxFields = Number.POSITIVE_INFINITY) {
    this.#fieldsLeft = maxFields;
    this.bytes = bytes;
    this.at = from;
    this.end = to;
  }

  /** Goes to the next field. @returns false at the end of the message */
  next(): boolean {
    if (this.at >= this.end) return false;
    if (--this.#fieldsLeft < 0) throw new MessageError('a message has too many fields');
    const tag = this.uint();
    this.field = Math.floor(tag / 8);
    this.#wire = tag % 8;
    if (this.field === 0) throw new MessageError('a field has the number 0');
    return true;
  }

  /** Whether the field is a list of numbers in one piece. */
  get isPacked(): boolean {
    return this.#wire === BYTES;
  }

  skip(): void {
    switch (this.#wire) {
      case VARINT:
        this.uint();
        return;
      case FIXED64:
        this.#advance(8);
        return;
      case BYTES:
        this.#advance(this.uint());
        return;
      case FIXED32:
        this.#advance(4);
        return;
      default:
        throw new MessageError(`the wire type ${this.#wire} is not known`);
    }
  }

  /** Begins to read the message in the field. @returns what `leave` needs */
  enter(): number {
    this.#expect(BYTES);
    const outer = this.end;
    const length = this.uint();
    if (length > this.end - this.at) throw truncated();
    this.end = this.at + length;
    return outer;
  }

  leave(outer: number): void {
    this.at = this.end;
    this.end = outer;
  }

  /** Goes over the bytes of the field, which then end at `at`. @returns where they begin */
  skipBytes(): number {
    this.#expect(BYTES);
    return this.#advance(this.uint());
  }

  text(): string {
    this.#expect(BYTES);
    const from = this.#advance(this.uint());
    return this.bytes.toString('utf8', from, this.at);
  }

  varint(): number {
    this.#expect(VARINT);
    return this.uint();
  }

  /** An integer in two's complement: a negative one has ten bytes. */
  signed(): number {
    this.#expect(VARINT);
    const from = this.at;
    const value = this.uint();
    if (this.at - from < 10) return value;
    let exact = 0n;
    for (let at = from; at < this.at; at++) {
      exact |= BigInt(this.bytes[at]! & 0x7f) << BigInt(7 * (at - from));
    }
    return Number(BigInt.asIntN(64, exact));
  }

  /** Where the eight bytes of the field begin. */
  fixed64(): number {
    this.#expect(FIXED64);
    return this.#advance(8);
  }

  /** An unsigned integer of at most 64 bits without a tag, rounded to a double. */
  uint(): number {
    const { bytes, end } = this;
    let low = 0; // 28 bits
    let middle = 0; // 28 bits
    let high = 0; // 8 bits
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.at >= end) throw truncated();
      const byte = bytes[this.at++]!;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift < 56) middle |= bits << (shift - 28);
      else high += bits * 2 ** (shift - 56);
      if (byte < 0x80) return high * TWO_56 + middle * TWO_28 + low;
    }
    throw new MessageError('a number has more than 64 bits');
  }

  #advance(length: number): number {
    if (length > this.end - this.at) throw truncated();
    const from = this.at;
    this.at += length;
    return from;
  }

  #expect(wire: number): void {
    if (this.#wire === wire) return;
    throw new MessageError(`field ${this.field} has the wire type ${this.#wire}, not ${wire}`);
  }
}

function truncated(): MessageError {
  return new MessageError('a message is truncated');
}
