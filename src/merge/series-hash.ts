/** The kernel's hashes of series, for lines that it has not scanned. They add up in any order. */
import { kernel } from './kernel.ts';

/** What a metric's name, without quotes and escapes, adds to the hash of its series. */
export function nameHash(name: string): number {
  const { WRITTEN_AT, bytes, nameHash: hash } = kernel();
  return hash(WRITTEN_AT, bytes.write(name, WRITTEN_AT));
}

/** What a label adds to it; name and value without quotes and escapes. */
export function labelHash(name: string, value: string): number {
  const { WRITTEN_AT, bytes, labelHash: hash } = kernel();
  const nameLength = bytes.write(name, WRITTEN_AT);
  const valueAt = WRITTEN_AT + nameLength;
  return hash(WRITTEN_AT, nameLength, valueAt, bytes.write(value, valueAt));
}
