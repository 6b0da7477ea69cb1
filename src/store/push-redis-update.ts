/**
 * Reads a tenant of the push gateway from Redis: what has changed since a version, in answers of
 * bounded size that together make one consistent state.
 *
 * Each answer is one moment: it has the buckets that were changed since the answer before, and some of
 * those that were left to read. When nothing is left, the buckets of all answers are the state of the
 * last answer's moment, whatever other promgates have committed meanwhile.
 */
import { readFileSync } from 'node:fs';
import { everyTurn } from '../clock.ts';
import { JournalError, type StoredRecord, type TenantUpdate } from '../push/record.ts';
import { type History, type ReadBucket, readAnswer } from './push-redis-answer.ts';
import { bucketOf, idOf, slotOf } from './push-redis-bytes.ts';
import type { TenantKeys } from './push-redis-keys.ts';
import type { KnownTenant, RecordIds, Version } from './push-redis-tenant.ts';
import { type RedisSession, script } from './redis-session.ts';

const READ = script(readFileSync(new URL('push-redis-read.lua', import.meta.url), 'utf8'));

/** From so many bytes on an answer gets no further bucket. It grows when others change more. */
const ANSWER_BYTES = 1024 * 1024;
const MAX_ANSWER_BYTES = 16 * ANSWER_BYTES;
const ANSWERS_OF_ONE_SIZE = 64;
/** A server that leaves something for ever would fill the memory. */
const MAX_ANSWERS = 1_000;
const ENDLESS = `Redis has not given a whole tenant in ${MAX_ANSWERS} answers`;
const TURN_MS = 3;

export interface TenantRead {
  readonly update: TenantUpdate;
  readonly version: Version;
  /** The worst of all answers. */
  readonly history: History;
}

/** @returns undefined if there is no such tenant */
export async function readTenant(
  session: RedisSession,
  keys: TenantKeys,
  known: Pick<KnownTenant, 'version' | 'ids'>,
  unsure: ReadonlySet<number>,
): Promise<TenantRead | undefined> {
  const buckets = new Map<number, ReadBucket>();
  const pace = everyTurn(TURN_MS);
  let history: History = 'known';
  let since = known.version;
  let left = [...new Set(Array.from(unsure, bucketOf))].join(' ');
  for (let answers = 0; ; answers++) {
    const values = [since.seq, since.writer, sizeLimit(answers), left, keys.buckets];
    const [raw] = await session.run(READ, { keys: keys.forRead, values });
    const answer = readAnswer(raw);
    if (!answer) return undefined;
    if (answer.history !== 'known') {
      buckets.clear();
      if (history !== 'lost') history = answer.history;
    }
    for (const one of answer.buckets) {
      await pace();
      const bucket = one.read();
      const before = buckets.get(one.bucket);
      buckets.set(one.bucket, { ...bucket, keys: bucket.keys ?? before?.keys });
    }
    since = answer.version;
    left = answer.left;
    if (answers >= MAX_ANSWERS) throw new JournalError('damaged', ENDLESS);
    if (left !== '') continue;
    const isWhole = history !== 'known';
    const records = sort(buckets, isWhole ? undefined : known.ids, unsure);
    const { nextId, forced } = answer;
    const update = { tenant: keys.tenant, forced, nextId, isWhole, ...records };
    return { update, version: since, history };
  }
}

function sizeLimit(answers: number): number {
  const grown = ANSWER_BYTES * 2 ** Math.floor(answers / ANSWERS_OF_ONE_SIZE);
  return Math.min(MAX_ANSWER_BYTES, grown);
}

/** @param known - the records that the ledger has; undefined: none of those that it has count */
function sort(
  buckets: ReadonlyMap<number, ReadBucket>,
  known: RecordIds | undefined,
  unsure: ReadonlySet<number>,
): Pick<TenantUpdate, 'created' | 'changed' | 'removed'> {
  const created: StoredRecord[] = [];
  const changed: { id: number; values: Float64Array }[] = [];
  const removed: number[] = [];
  for (const [bucket, { keys, values: valuesOf }] of buckets) {
    for (const [slot, values] of valuesOf) {
      const id = idOf(bucket, slot);
      const key = keys?.get(slot);
      if (key !== undefined) created.push({ id, key, values });
      else if (known?.has(id) && !keys) changed.push({ id, values });
    }
    for (const id of known?.of(bucket) ?? []) {
      if (!unsure.has(id) && !valuesOf.has(slotOf(id))) removed.push(id);
    }
  }
  if (!known) return { created, changed, removed };
  for (const id of unsure) {
    if (!buckets.get(bucketOf(id))?.values.has(slotOf(id))) removed.push(id);
  }
  return { created, changed, removed };
}
