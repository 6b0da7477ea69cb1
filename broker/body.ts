/**
 * The body of a request as a JSON object, whatever its Content-Type says.
 *
 * Cloud Controller sends the annotations of organization, space and app, 1 MB each at worst: in a
 * large body all that nobody reads is stepped over, whatever it holds. Bytes are bounded, of one body
 * and of all together. Depth needs no bound: nothing here recurses, `JSON.parse` neither.
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { isObject, type Json } from './fields.ts';
import { beginsObject, membersOf } from './members.ts';
import { Refusal } from './refusal.ts';

const MAX_BYTES = 4 * 1024 * 1024;

/** A longer body is read to its end for so long, since who is still writing reads no answer. */
const MAX_DISCARDED_BYTES = 8 * 1024 * 1024;

/** A body up to this size is read however many there are: connections bound their number. */
const SMALL_BYTES = 64 * 1024;

/** What bodies may hold together beyond that, while they are on their way. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;

/** What `request.ts` reads; of objects with names behind them only these members. */
const FIELDS: Readonly<Record<string, readonly string[] | undefined>> = {
  service_id: undefined,
  plan_id: undefined,
  organization_guid: undefined,
  space_guid: undefined,
  app_guid: undefined,
  predecessor_binding_id: undefined,
  parameters: undefined,
  bind_resource: ['app_guid', 'space_guid', 'route'],
  context: ['organization_guid', 'space_guid'],
  previous_values: ['organization_id', 'space_id'],
  maintenance_info: ['version'],
};

/** Reads bodies, which share a bound. */
export class BodyReader {
  readonly #maxHeldBytes: number;
  #heldBytes = 0;

  constructor(maxHeldBytes = MAX_HELD_BYTES) {
    this.#maxHeldBytes = maxHeldBytes;
  }

  /**
   * @returns the fields that somebody reads
   * @throws {Refusal} `too-large`, `busy`; `bad-request` for anything but an object in well-formed JSON
   */
  async read(request: Pick<IncomingMessage, 'iterator'>): Promise<Json> {
    const bytes = await this.#readBytes(request);
    try {
      if (!isUtf8(bytes)) throw new SyntaxError('no UTF-8');
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
      this.#heldBytes -= heldBytes; // what follows is done before another body is read
    }
    if (sizeBytes <= MAX_BYTES) return Buffer.concat(chunks);
    throw new Refusal('too-large', `the body must have at most ${MAX_BYTES} bytes`, {
      headers: sizeBytes > MAX_DISCARDED_BYTES ? { Connection: 'close' } : {},
    });
  }
}

/** Without a prototype, since the names are the caller's. */
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
 * The same of a large body, most of which nobody reads.
 *
 * @throws {SyntaxError} and {Refusal} for what is large and read
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
  return new Refusal('busy', 'too many large bodies are on their way: try again later', {
    headers: { 'Retry-After': '5', Connection: 'close' },
  });
}
