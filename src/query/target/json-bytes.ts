/** Places of values in the bytes of JSON. */

/** How far a value was scanned whose end has not come yet, so that no byte is scanned twice. */
export interface Scanned {
  bytes: number;
  depth: number;
  isInString: boolean;
}

const QUOTE = 34;
const BACKSLASH = 92;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;
const COMMA = 44;
const SPACE = 32;

/**
 * The end of the value that begins at a byte. The value is not checked.
 *
 * @param scanned - how far it was scanned before; is moved on if its end has not come yet
 * @returns -1 if its end has not come yet
 */
export function endOfValue(bytes: Buffer, from: number, scanned?: Scanned): number {
  const first = bytes[from];
  if (first !== QUOTE && first !== OPEN_LIST && first !== OPEN_OBJECT)
    return endOfWord(bytes, from, scanned);
  let { depth, isInString } = scanned ?? { depth: 0, isInString: false };
  let at = from + (scanned?.bytes ?? 0);
  for (; at < bytes.length; at++) {
    const byte = bytes[at];
    if (isInString) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) {
        isInString = false;
        if (depth === 0) return at + 1;
      }
    } else if (byte === QUOTE) isInString = true;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth++;
    else if ((byte === CLOSE_LIST || byte === CLOSE_OBJECT) && --depth === 0) return at + 1;
  }
  // Behind a backslash at the end, the next byte is none that ends the string.
  if (scanned) Object.assign(scanned, { bytes: at - from, depth, isInString });
  return -1;
}

/** A number or a word ends where another value may begin. */
function endOfWord(bytes: Buffer, from: number, scanned?: Scanned): number {
  for (let at = from + (scanned?.bytes ?? 0); at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === COMMA || byte === CLOSE_LIST || byte === CLOSE_OBJECT || byte <= SPACE) return at;
  }
  if (scanned) scanned.bytes = bytes.length - from;
  return -1;
}
