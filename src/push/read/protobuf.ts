/**
 * The wire format of Protocol Buffers: a cursor over the fields of a message.
 *
 * Refuses what is truncated, longer than its bounds, or of another wire type than expected.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
import { isUtf8 } from 'node:buffer';

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
const TWO_32 = 2 ** 32;

/** The bytes are no message, or not the expected one. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
}

/** Reads the fields of one message, and of the messages in it, in their order. */
export class ProtobufCursor {
  readonly bytes: Buffer;
  /** The offset of what is read next. */
  at: number;
  /** The end of the message that is being read. */
  end: number;
  /** The number of the field read last. */
  field = 0;
  #wire = VARINT;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.at = 0;
    this.end = bytes.length;
  }

  /** Reads the tag of the next field into `field`. @returns false at the end of the message */
  next(): boolean {
    if (this.at >= this.end) return false;
    const tag = this.varint();
    if (tag >= TWO_32) throw new ProtobufError('a tag has more than 32 bits');
    this.field = Math.floor(tag / 8);
    this.#wire = tag % 8;
    if (this.field === 0) throw new ProtobufError('a field has the number 0');
    return true;
  }

  /** Skips the value of the field. */
  skip(): void {
    switch (this.#wire) {
      case VARINT:
        this.varint();
        return;
      case FIXED64:
        this.#advance(8);
        return;
      case BYTES:
        this.#advance(this.varint());
        return;
      case FIXED32:
        this.#advance(4);
        return;
      default:
        throw new ProtobufError(`the wire type ${this.#wire} is not supported`);
    }
  }

  /** Begins to read the message that the field holds. @returns what `leave` needs */
  enter(): number {
    this.#expect(BYTES);
    return this.enterDelimited();
  }

  /** Begins to read a message that only its length precedes. @returns what `leave` needs */
  enterDelimited(): number {
    const length = this.varint();
    if (length > this.end - this.at) throw truncated();
    const outer = this.end;
    this.end = this.at + length;
    return outer;
  }

  /** Goes on with the outer message. */
  leave(outer: number): void {
    this.at = this.end;
    this.end = outer;
  }

  string(maxBytes: number): string {
    this.#expect(BYTES);
    const length = this.varint();
    if (length > maxBytes) throw new ProtobufError(`a string has more than ${maxBytes} bytes`);
    const from = this.#advance(length);
    const bytes = this.bytes.subarray(from, this.at);
    if (!isUtf8(bytes)) throw new ProtobufError('a string is not UTF-8');
    return bytes.toString();
  }

  double(): number {
    this.#expect(FIXED64);
    return this.bytes.readDoubleLE(this.#advance(8));
  }

  /** An unsigned integer of 64 bits, rounded to a double. */
  uint64(): number {
    this.#expect(VARINT);
    return this.varint();
  }

  /** A varint of at most 64 bits, rounded to a double. */
  varint(): number {
    const { bytes, end } = this;
    let low = 0; // 28 bits
    let middle = 0; // 28 bits
    let high = 0; // 8 bits
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.at >= end) throw truncated();
      const byte = bytes[this.at++]!;
      const bits = byte & 0x7f;
      if (shift < 28) low += bits * 2 ** shift;
      else if (shift < 56) middle += bits * 2 ** (shift - 28);
      else high += bits * 2 ** (shift - 56);
      if (byte < 0x80) {
        if (high > 0xff) break;
        if (high === 0 && middle < 2 ** 25) return middle * 2 ** 28 + low; // below 2^53: exact
        return Number((BigInt(high) << 56n) | (BigInt(middle) << 28n) | BigInt(low));
      }
    }
    throw new ProtobufError('a number has more than 64 bits');
  }

  /** Goes over bytes of the message. @returns where they begin */
  #advance(length: number): number {
    if (length > this.end - this.at) throw truncated();
    const from = this.at;
    this.at += length;
    return from;
  }

  #expect(wire: number): void {
    if (this.#wire === wire) return;
    throw new ProtobufError(`field ${this.field} has the wire type ${this.#wire}, not ${wire}`);
  }
}

function truncated(): ProtobufError {
  return new ProtobufError('the message is truncated');
}
