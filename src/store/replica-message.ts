/**
 * The messages that replicas send each other, as JSON of bounded size.
 *
 * Whoever may publish on the channel can send any bytes, so that a message is read strictly: no
 * field is missing, of another type, too long or unknown.
 */

export type PurgeTarget =
  | { readonly kind: 'all' }
  | { readonly kind: 'key' | 'app' | 'tag'; readonly value: string };

export type ReplicaMessage =
  | { readonly kind: 'purge'; readonly what: PurgeTarget }
  | { readonly kind: 'bindings' };

export const PURGE_ALL: ReplicaMessage = { kind: 'purge', what: { kind: 'all' } };

/** Why a message is not used. `version`: a replica of a later version sent it. */
export type MessageRefusal = 'too-large' | 'malformed' | 'version';

export const MESSAGE_REFUSALS: readonly MessageRefusal[] = ['too-large', 'malformed', 'version'];

export interface Received {
  /** The random id of the replica that sent it. */
  readonly sender: string;
  readonly message: ReplicaMessage;
}

const VERSION = 1;
const MAX_VALUE_LENGTH = 4096;
/** Room for a value of the longest length, escaped. */
const MAX_MESSAGE_BYTES = 32 * 1024;
const SENDER = /^[A-Za-z0-9_-]{16,64}$/;
const VALUE_KINDS = ['key', 'app', 'tag'] as const;

/** A purge of something whose name is too long for a message becomes a purge of all. */
export function printMessage(message: ReplicaMessage, sender: string): string {
  const print = (sent: ReplicaMessage) => JSON.stringify({ v: VERSION, from: sender, ...sent });
  if (message.kind === 'purge' && !isTarget(message.what)) return print(PURGE_ALL);
  const text = print(message);
  return Buffer.byteLength(text) <= MAX_MESSAGE_BYTES ? text : print(PURGE_ALL);
}

/** @param bytes - what somebody has published */
export function readMessage(bytes: Buffer): Received | MessageRefusal {
  if (bytes.length > MAX_MESSAGE_BYTES) return 'too-large';
  const fields = parse(bytes.toString());
  if (!isMapping(fields)) return 'malformed';
  const { v, from, kind, what, ...others } = fields;
  if (typeof v === 'number' && v !== VERSION) return 'version';
  if (v !== VERSION || typeof from !== 'string' || !SENDER.test(from)) return 'malformed';
  if (Object.keys(others).length > 0) return 'malformed';
  if (kind === 'bindings' && what === undefined) return { sender: from, message: { kind } };
  if (kind !== 'purge' || !isTarget(what)) return 'malformed';
  return { sender: from, message: { kind, what } };
}

function isTarget(what: unknown): what is PurgeTarget {
  if (!isMapping(what)) return false;
  const { kind, value, ...others } = what;
  if (Object.keys(others).length > 0) return false;
  if (kind === 'all') return value === undefined;
  const isText = typeof value === 'string' && value !== '' && value.length <= MAX_VALUE_LENGTH;
  return isText && VALUE_KINDS.some((one) => one === kind);
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller counts it as malformed
  }
}
