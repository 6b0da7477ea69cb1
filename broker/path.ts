/**
 * The ids in request paths.
 *
 * @see https://github.com/openservicebrokerapi/servicebroker/blob/v2.17/spec.md#url-properties
 */
import { MAX_ID_LENGTH } from './fields.ts';
import { Refusal } from './refusal.ts';

/**
 * Decodes an id of a path. The decoded id may hold `/`, `..` or any other text.
 *
 * @param segment - the segment of the path as sent
 * @throws {Refusal} `bad-request`
 */
export function decodeId(segment: string): string {
  let id: string;
  try {
    id = decodeURIComponent(segment);
  } catch (cause) {
    throw new Refusal('bad-request', 'ids must be percent-encoded UTF-8', { cause });
  }
  if (id.length <= MAX_ID_LENGTH && !id.includes('\0')) return id;
  const description = `ids must have at most ${MAX_ID_LENGTH} characters, none of them U+0000`;
  throw new Refusal('bad-request', description);
}
