/**
 * How Pushgateway's clients write names and values in paths: base64, escaped UTF-8 names; and how
 * Pushgateway quotes them in its texts.
 */
import { isUtf8 } from 'node:buffer';

export interface Decoded {
  /** If there is a problem, what was decoded before it. */
  readonly text: string;
  /** In the words of Go. */
  readonly problem: string | undefined;
}

/**
 * Decodes base64 in the URL alphabet; padding may be left out, and `=` is the empty text.
 *
 * @see https://pkg.go.dev/encoding/base64#RawURLEncoding
 */
export function decodeBase64(encoded: string): Decoded {
  let end = encoded.length;
  while (encoded[end - 1] === '=') end -= 1;
  const text = encoded.slice(0, end);
  const wrong = text.search(/[^A-Za-z0-9_-]/);
  const at = wrong >= 0 ? wrong : text.length % 4 === 1 ? text.length - 1 : -1;
  if (at < 0) {
    const bytes = Buffer.from(text, 'base64url');
    if (isUtf8(bytes)) return { text: bytes.toString(), problem: undefined };
    return { text: bytes.toString(), problem: 'the decoded bytes are not UTF-8' };
  }
  const whole = text.slice(0, at - (at % 4));
  const before = Buffer.from(whole, 'base64url').toString();
  const offset = Buffer.byteLength(text.slice(0, at));
  return { text: before, problem: `illegal base64 data at input byte ${offset}` };
}

const ESCAPED = 'U__';
const MAX_HEX_DIGITS = 6;
const MAX_CODE_POINT = 0x10ffff;

/**
 * Turns `U__foo_2e_bar` into `foo.bar`. A name with an invalid escape stays as it is.
 *
 * @see https://github.com/prometheus/docs/blob/main/docs/instrumenting/escaping_schemes.md
 */
export function unescapeName(name: string): string {
  if (!name.startsWith(ESCAPED)) return name;
  let text = '';
  for (let i = ESCAPED.length; i < name.length; i++) {
    if (name[i] !== '_') {
      text += name[i];
      continue;
    }
    const close = name.indexOf('_', i + 1);
    const digits = close < 0 ? undefined : name.slice(i + 1, close);
    if (digits === undefined || digits.length > MAX_HEX_DIGITS) return name;
    const char = digits === '' ? '_' : fromHex(digits);
    if (char === undefined) return name;
    text += char;
    i = close;
  }
  return text;
}

function fromHex(digits: string): string | undefined {
  if (!/^[0-9a-f]+$/i.test(digits)) return undefined;
  const code = Number.parseInt(digits, 16);
  const isSurrogate = code >= 0xd800 && code <= 0xdfff;
  return isSurrogate || code > MAX_CODE_POINT ? undefined : String.fromCodePoint(code);
}

const SHORT: Readonly<Record<string, string>> = {
  ...{ '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' },
  ...{ '\x07': '\\a', '\b': '\\b', '\f': '\\f', '\v': '\\v' },
};

/** A text in quotes, as Go prints it by `%q`: letters, marks, numbers and signs stay. */
export function goQuote(text: string): string {
  const escaped = text.replace(/["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (char) => {
    const short = SHORT[char];
    if (short !== undefined) return short;
    const hex = char.codePointAt(0)!.toString(16); // the match is not empty
    if (hex.length <= 2 && hex < '80') return `\\x${hex.padStart(2, '0')}`;
    return hex.length <= 4 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
  });
  return `"${escaped}"`;
}
