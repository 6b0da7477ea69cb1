/**
 * The labels of a series as JSON: `{"metric":{"__name__":"up"},`.
 *
 * Labels are most of the answer to an instant query. Nearly all are plain ASCII, which one loop writes.
 */
import type { Labels } from '../evaluate/labels.ts';
import type { ChunkWriter } from './chunk-writer.ts';

/** Writes the start of a series up to its samples, after a comma if it has a series before. */
export function* writeMetric(
  labels: Labels,
  hasBefore: boolean,
  out: ChunkWriter,
): Generator<Buffer> {
  // The key holds all names and values.
  const bytes = labels.key.length + labels.names.length * 6 + FRAME_BYTES;
  if (!out.hasRoom(bytes) && out.at > 0) yield out.take();
  if (out.hasRoom(bytes) && writePlain(labels, hasBefore, out)) return;
  yield* out.plain(hasBefore ? ',{"metric":{' : '{"metric":{');
  for (let at = 0; at < labels.names.length; at++) {
    if (at > 0) yield* out.plain(',');
    yield* out.quoted(labels.names[at] as string);
    yield* out.plain(':');
    yield* out.quoted(labels.values[at] as string);
  }
  yield* out.plain('},');
}

const FRAME = Buffer.from(',{"metric":{');
const FRAME_BYTES = FRAME.length + 2;
const COMMA = 44;
const COLON = 58;
const CLOSE = 125;

/** Writes labels that need no escapes. Returns false, and leaves the chunk as it was, if they need some. */
function writePlain({ names, values }: Labels, hasBefore: boolean, out: ChunkWriter): boolean {
  const { bytes } = out;
  let { at } = out;
  for (let from = hasBefore ? 0 : 1; from < FRAME.length; from++)
    bytes[at++] = FRAME[from] as number;
  for (let label = 0; label < names.length; label++) {
    if (label > 0) bytes[at++] = COMMA;
    at = writePlainText(bytes, at, names[label] as string);
    if (at < 0) return false;
    bytes[at++] = COLON;
    at = writePlainText(bytes, at, values[label] as string);
    if (at < 0) return false;
  }
  bytes[at++] = CLOSE;
  bytes[at++] = COMMA;
  out.at = at;
  return true;
}

const QUOTE = 34;
const BACKSLASH = 92;

/** Writes a text in quotes. Returns the place after it, or -1 if a character needs an escape or more bytes than one. */
function writePlainText(into: Uint8Array, at: number, text: string): number {
  let next = at;
  into[next++] = QUOTE;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 32 || code > 126 || code === QUOTE || code === BACKSLASH) return -1;
    into[next++] = code;
  }
  into[next++] = QUOTE;
  return next;
}
