/**
 * What `push-redis-read.lua` answers. Whatever else Redis may answer is refused.
 */
import type { Label } from '../push/labels.ts';
import { JournalError } from '../push/record.ts';
import { readKey, readValues } from './push-redis-bytes.ts';
import { parseVersion, type Version } from './push-redis-tenant.ts';

/**
 * What became of the version that this promgate knows. `known`: the answer has the changes since.
 * `lost`: Redis has lost commits. `forgotten`: nobody can tell, as the version is too old. `none`: no
 * version was known. All but the first have the whole tenant.
 */
export type History = 'known' | 'lost' | 'forgotten' | 'none';

const HISTORIES: readonly History[] = ['known', 'lost', 'forgotten', 'none'];

export interface ReadBucket {
  /** By their places in the bucket; undefined: no record has been created since the version. */
  readonly keys: ReadonlyMap<number, string> | undefined;
  readonly values: ReadonlyMap<number, Float64Array>;
}

export interface TenantAnswer {
  readonly version: Version;
  readonly nextId: number;
  readonly forced: readonly Label[];
  readonly history: History;
  /** The numbers of the buckets that are left to read. */
  readonly left: string;
  readonly buckets: readonly { readonly bucket: number; read(): ReadBucket }[];
}

const FACTS = 5;
const PER_BUCKET = 3;

/**
 * @returns undefined if there is no such tenant
 * @throws {JournalError} if no promgate has written what Redis has
 */
export function readAnswer(raw: unknown): TenantAnswer | undefined {
  const parts = list(raw);
  if (parts.length === 0) return undefined;
  const [version, nextId, forced, became, left] = parts.slice(0, FACTS).map(text);
  const history = HISTORIES.find((one) => one === became);
  if (!version || !forced || !Number(nextId) || !history || left === undefined) throw damaged();
  return {
    ...{ version: parseVersion(version), nextId: Number(nextId), history, left },
    forced: labels(forced),
    buckets: Array.from({ length: (parts.length - FACTS) / PER_BUCKET }, (_, i) => {
      const [bucket, keys, values] = parts.slice(FACTS + i * PER_BUCKET);
      return { bucket: Number(bucket), read: () => readBucket(list(keys), list(values)) };
    }),
  };
}

function readBucket(keys: readonly unknown[], values: readonly unknown[]): ReadBucket {
  return {
    keys: keys.length === 0 ? undefined : fields(keys, readKey),
    values: fields(values, readValues),
  };
}

function fields<T>(all: readonly unknown[], read: (bytes: Buffer) => T): Map<number, T> {
  const found = new Map<number, T>();
  for (let i = 0; i < all.length; i += 2) found.set(Number(text(all[i])), read(bytes(all[i + 1])));
  return found;
}

function labels(json: string): Label[] {
  try {
    return JSON.parse(json) as Label[]; // only promgate writes them
  } catch {
    throw damaged();
  }
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw damaged();
  return value;
}

function text(value: unknown): string {
  return bytes(value).toString();
}

function bytes(value: unknown): Buffer {
  if (!Buffer.isBuffer(value)) throw damaged();
  return value;
}

function damaged(): JournalError {
  const message = 'Redis has something else than promgate keeps there';
  return new JournalError(
    'damaged',
    `${message}: delete the keys, or set another prefix in redis.channel`,
  );
}
