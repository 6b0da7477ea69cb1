/** Hashes of series: the same for all ways to write one down, in any order of the labels. */
import { hash } from './bytes';

let seed: i64 = 0;

/** Sets what nobody can foretell. Call it before all others. */
export function seedSeries(high: i32, low: i32): void {
  seed = ((<i64>low) << 32) | <i64>(<u32>high);
}

/** What a metric's name adds to the hash of its series. */
export function nameHash(at: i32, length: i32): i32 {
  return hash(at, length, seed);
}

/** What a label adds: its name, and its value without quotes and escapes. */
export function labelHash(name: i32, nameLength: i32, value: i32, valueLength: i32): i32 {
  return hash(value, valueLength, ~seed + ((<i64>hash(name, nameLength, ~seed)) << 16));
}
