/**
 * Reads the body of a request as a JSON object, whatever its Content-Type is.
 *
 * Cloud Controller sends the annotations of organization, space and app, up to 1 MB each: the
 * reader skips unknown fields of a large body. The bytes of one body and of all bodies together
 * have a bound. Depth needs no bound: neither this file nor `JSON.parse` recurses.
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { isObject, type Json } from './json.ts';
import { beginsObject, membersOf } from './members.ts';
import { Refusal } from './refusal.ts';

const MAX_BYTES = 4 * 1024 * 1024;

/** Too large bodies are discarded up to this size, since a client that writes reads no answer. */
const MAX_DISCARDED_BYTES = 8 * 1024 * 1024;

/** Bodies up to this size need no shared bound: the limit of connections bounds their number. */
const SMALL_BYTES = 64 * 1024;

/** Bound on the bytes beyond `SMALL_BYTES` of all bodies being received. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;

/** The fields that `request.ts` reads; for some objects, the only members that it reads. */
const FIELDS: Readonly<Record<string, readonly string[] | undefined>> = {
  service_id: undefined,
  plan_id: undefined,
  organization_guid: undefined,
  space_guid: undefined,
  app_guid: undefined,
  predecessor_binding_id: undefined,
  parameters: undefined,
  bind_resource: ['app_guid', 'app_name', 'space_guid', 'route'],
  context: ['organization_guid', 'organization_name', 'space_guid', 'space_name', 'app_name'],
  previous_values: ['organization_id', 'space_id'],
  maintenance_info: ['version'],
};

/** Reads bodies under one shared bound. */
export class BodyReader {
  readonly #maxHeldBytes: number;
  #heldBytes = 0;

  constructor(maxHeldBytes = MAX_HELD_BYTES) {
    this.#maxHeldBytes = maxHeldBytes;
  }

  /**
   * @returns the members that `FIELDS` names
   * @throws {Refusal} `too-large`, `busy`; `bad-request` for anything but an object in well-formed
   *    JSON
   */
  async read(request: Pick<IncomingMessage, 'iterator'>): Promise<Json> {
    const bytes = await this.#readBytes(request);
    try {
      if (!isUtf8(bytes)) throw new SyntaxError('the body is not UTF-8');
      if (bytes.length > SMALL_BYTES) return readMembers(bytes, FIELDS);
      const value: unknown = JSON.parse(bytes.toString());
      if (isObject(value)) return readFields(value);
    } catch (cause) {
      if (cause instanceof Refusal) throw cause;
      throw new Refusal('bad-request', 'the body must be JSON in UTF-8', { cause });
    }
    throw new Refusal('bad-request', 'the body must be a JSON object');
  }

  async #readBytes(request: Pick<IncomingMessage, 'iterator'>): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    let heldBytes = 0;
    try {
      for await (const chunk of request.iterator({ destroyOnReturn: false })) {
        sizeBytes += chunk.length;
        if (sizeBytes > MAX_DISCARDED_BYTES) break;
        if (sizeBytes > MAX_BYTES) continue;
        if (sizeBytes > SMALL_BYTES) {
          if (this.#heldBytes + chunk.length > this.#maxHeldBytes) throw busy();
          this.#heldBytes += chunk.length;
          heldBytes += chunk.length;
        }
        chunks.push(chunk);
      }
    } finally {
      this.#heldBytes -= heldBytes; // the body is parsed before another chunk is received
    }
    if (sizeBytes <= MAX_BYTES) return Buffer.concat(chunks);
    throw new Refusal('too-large', `the body must have at most ${MAX_BYTES} bytes`, {
      headers: sizeBytes > MAX_DISCARDED_BYTES ? { Connection: 'close' } : {},
    });
  }
}

/** @returns an object without prototype, since the caller chooses the names */
function readFields(body: Json): Json {
  const read: Record<string, unknown> = Object.create(null);
  for (const [name, members] of Object.entries(FIELDS)) {
    const value = body[name];
    if (!Object.hasOwn(body, name)) continue;
    read[name] = members !== undefined && isObject(value) ? only(value, members) : value;
  }
  return read;
}

/**
 * Like `readFields`, for a large body: parses only the members that `fields` names.
 *
 * @throws {SyntaxError} for ill-formed JSON; {Refusal} if a member is longer than `SMALL_BYTES`
 */
function readMembers(json: Buffer, fields: typeof FIELDS): Json {
  const read: Record<string, unknown> = Object.create(null);
  for (const { name, value } of membersOf(json)) {
    if (!Object.hasOwn(fields, name)) continue;
    const members = fields[name];
    if (members !== undefined && beginsObject(value)) {
      const inner = Object.fromEntries(members.map((member) => [member, undefined]));
      read[name] = readMembers(value, inner);
      continue;
    }
    if (value.length > SMALL_BYTES) {
      throw new Refusal('bad-request', `${name} must have at most ${SMALL_BYTES} bytes`);
    }
    read[name] = JSON.parse(value.toString());
  }
  return read;
}

function only(value: Json, names: readonly string[]): Json {
  const members = names.flatMap((name) =>
    Object.hasOwn(value, name) ? [[name, value[name]]] : [],
  );
  return Object.fromEntries(members);
}

function busy(): Refusal {
  return new Refusal('busy', 'the broker receives too many large bodies: try again later', {
    headers: { 'Retry-After': '5', Connection: 'close' },
  });
}
