/**
 * The body of a request as a JSON object, whatever its Content-Type says.
 *
 * Bounded in bytes. Depth needs no bound: nothing here recurses, and what reads the fields looks only
 * where it knows its way.
 */
import type { IncomingMessage } from 'node:http';
import { isObject, type Json } from './fields.ts';
import { Refusal } from './refusal.ts';

const MAX_BYTES = 64 * 1024;

/** A longer body is read to its end for so long, since who is still writing reads no answer. */
const MAX_DISCARDED_BYTES = 1024 * 1024;

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** @throws {Refusal} `too-large`; `bad-request` for anything but an object in well-formed JSON */
export async function readBody(request: IncomingMessage): Promise<Json> {
  const bytes = await readBytes(request);
  let value: unknown;
  try {
    value = JSON.parse(UTF8.decode(bytes));
  } catch (cause) {
    throw new Refusal('bad-request', 'the body must be JSON in UTF-8', { cause });
  }
  if (!isObject(value)) throw new Refusal('bad-request', 'the body must be a JSON object');
  if (!isStorable(value)) {
    const description = 'texts must be Unicode without lone surrogates and the character U+0000';
    throw new Refusal('bad-request', description);
  }
  return value;
}

async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_DISCARDED_BYTES) break;
    if (sizeBytes <= MAX_BYTES) chunks.push(chunk);
  }
  if (sizeBytes <= MAX_BYTES) return Buffer.concat(chunks);
  throw new Refusal('too-large', `the body must have at most ${MAX_BYTES} bytes`, {
    headers: sizeBytes > MAX_DISCARDED_BYTES ? { Connection: 'close' } : {},
  });
}

/**
 * Whether all names and texts in `root` come out of any database as they went in.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7493#section-2.1
 */
function isStorable(root: Json): boolean {
  const open: unknown[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value === 'string') {
      if (!value.isWellFormed() || value.includes('\0')) return false;
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, inner] of Object.entries(value)) open.push(name, inner);
    }
  }
  return true;
}
