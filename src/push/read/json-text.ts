/**
 * Bodies that are one JSON string which holds the text: some clients of the cf-workers gateway send
 * `JSON.stringify(text)`. No line of text begins with a quote.
 */
import { PushRefusal } from '../refusal.ts';

const QUOTE = 34;
/** A string is parsed in one go: a few milliseconds. */
const MAX_BYTES = 1_048_576;

/**
 * @returns the text in a body that is a JSON string; any other body itself
 * @throws {PushRefusal} `too_large`
 */
export function unwrapJson(bytes: Buffer): Buffer {
  if (bytes[0] !== QUOTE) return bytes;
  if (bytes.length > MAX_BYTES) {
    const what = `a body that is a JSON string has at most ${MAX_BYTES} bytes: send the text itself`;
    throw new PushRefusal('too_large', what, { details: { limit: MAX_BYTES } });
  }
  try {
    const text: unknown = JSON.parse(bytes.toString());
    return typeof text === 'string' ? Buffer.from(text) : bytes;
  } catch {
    return bytes; // the reader of text says what is wrong
  }
}
