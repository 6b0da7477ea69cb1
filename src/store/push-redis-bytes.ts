/**
 * Records of pushes as Redis keeps them: in buckets of 128 records by number. A bucket is two hashes,
 * one with the values of its records and one with their keys; a field is a record's place in the
 * bucket.
 *
 * Values are doubles in the byte order of all processors that Node 24 runs on, little-endian.
 */
import type { TenantChanges } from '../push/record.ts';
import { JournalError, MAX_RECORD_BYTES } from '../push/record.ts';

const BUCKET_BITS = 7;
const SLOT_MASK = 2 ** BUCKET_BITS - 1;

export function bucketOf(id: number): number {
  return Math.floor(id / 2 ** BUCKET_BITS);
}

export function slotOf(id: number): number {
  return id & SLOT_MASK;
}

export function idOf(bucket: number, slot: number): number {
  return bucket * 2 ** BUCKET_BITS + slot;
}

export interface PackedChanges {
  readonly buckets: readonly number[];
  /**
   * For each bucket `<I4 bucket><B values><B keys><B removed>`, then a `<B slot><I4 length>bytes` per
   * value and key, and a `<B slot>` per removed record.
   */
  readonly bytes: Buffer;
}

interface Bucket {
  readonly values: Map<number, Float64Array>;
  readonly keys: Map<number, string>;
  readonly removed: Set<number>;
}

const BUCKET_HEAD = 7;
const FIELD_HEAD = 5;

/**
 * @param isKnown - whether a record is stored; changes of others are left out
 * @throws {JournalError} if a record is too large
 */
export function packChanges(
  { created, changed, removed }: Pick<TenantChanges, 'created' | 'changed' | 'removed'>,
  isKnown: (id: number) => boolean,
): PackedChanges {
  const buckets = new Map<number, Bucket>();
  const bucket = (id: number): Bucket => {
    const number = bucketOf(id);
    const found = buckets.get(number);
    if (found) return found;
    const made: Bucket = { values: new Map(), keys: new Map(), removed: new Set() };
    buckets.set(number, made);
    return made;
  };
  for (const { id, key, values } of created) {
    const { values: all, keys } = bucket(id);
    all.set(slotOf(id), values);
    keys.set(slotOf(id), key);
  }
  for (const { id, values } of changed) {
    if (isKnown(id) || buckets.get(bucketOf(id))?.keys.has(slotOf(id))) {
      bucket(id).values.set(slotOf(id), values);
    }
  }
  for (const id of removed) bucket(id).removed.add(slotOf(id));
  return { buckets: [...buckets.keys()], bytes: write(buckets) };
}

function write(buckets: ReadonlyMap<number, Bucket>): Buffer {
  const bytes = Buffer.allocUnsafe(sizeOf(buckets));
  let at = 0;
  const head = (slot: number, length: number): void => {
    at = bytes.writeUInt32LE(length, bytes.writeUInt8(slot, at));
  };
  for (const [number, { values, keys, removed }] of buckets) {
    at = bytes.writeUInt32LE(number, at);
    for (const { size } of [values, keys, removed]) at = bytes.writeUInt8(size, at);
    for (const [slot, { buffer, byteOffset, byteLength }] of values) {
      head(slot, byteLength);
      bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
      at += byteLength;
    }
    for (const [slot, key] of keys) {
      const length = writeKey(bytes, key, at + FIELD_HEAD);
      head(slot, length);
      at += length;
    }
    for (const slot of removed) at = bytes.writeUInt8(slot, at);
  }
  return bytes;
}

function sizeOf(buckets: ReadonlyMap<number, Bucket>): number {
  let size = 0;
  for (const { values, keys, removed } of buckets.values()) {
    size += BUCKET_HEAD + removed.size + FIELD_HEAD * (values.size + keys.size);
    for (const { byteLength } of values.values()) size += checked(byteLength);
    for (const key of keys.values()) size += checked(keyBytes(key));
  }
  return size;
}

function checked(bytes: number): number {
  if (bytes <= MAX_RECORD_BYTES) return bytes;
  const message = `a pushed metric takes ${bytes} bytes; Redis keeps at most ${MAX_RECORD_BYTES}`;
  throw new JournalError('too_large', `${message}: set lower limits in push.limits`);
}

/** @throws {JournalError} if these are no doubles */
export function readValues(bytes: Buffer): Float64Array {
  if (bytes.length % 8 !== 0) {
    throw new JournalError('damaged', `Redis has ${bytes.length} bytes where doubles should be`);
  }
  const values = new Float64Array(bytes.length / 8);
  new Uint8Array(values.buffer).set(bytes);
  return values;
}

/** The first byte of a key that UTF-8 cannot write, as it has lone surrogates. */
const UTF16 = 0xff;

function keyBytes(key: string): number {
  return key.isWellFormed() ? Buffer.byteLength(key) : 1 + Buffer.byteLength(key, 'utf16le');
}

function writeKey(bytes: Buffer, key: string, at: number): number {
  if (key.isWellFormed()) return bytes.write(key, at);
  return 1 + bytes.write(key, bytes.writeUInt8(UTF16, at), 'utf16le');
}

export function readKey(bytes: Buffer): string {
  return bytes[0] === UTF16 ? bytes.toString('utf16le', 1) : bytes.toString();
}
