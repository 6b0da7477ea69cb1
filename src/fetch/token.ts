/**
 * Finds the tokens of bindings by their form: they are secrets that no app may see.
 */
const TOKEN = /promgate_[A-Za-z0-9_-]{43}/;

/** Bound on layers of percent-encoding that are decoded to find a token. */
const MAX_LAYERS = 8;

/**
 * Finds a token anywhere in a header's value or a request's target, also if basic auth encodes the
 * token, or if it is percent-encoded once or several times.
 *
 * @returns the first token; undefined if there is none
 */
export function findToken(text: string): string | undefined {
  const found = TOKEN.exec(text)?.[0] ?? findEscaped(text);
  if (found !== undefined) return found;
  const encoded = /^basic\s+(.*)$/i.exec(text)?.[1];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, 'base64').toString();
  return TOKEN.exec(decoded)?.[0] ?? findEscaped(decoded);
}

function findEscaped(text: string): string | undefined {
  let inner = text;
  for (let layer = 0; layer < MAX_LAYERS && inner.includes('%'); layer += 1) {
    const outer = inner;
    inner = decodeAscii(outer);
    if (inner === outer) return undefined;
    const found = TOKEN.exec(inner)?.[0];
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Unlike `decodeURIComponent`, leaves broken escapes and those beyond ASCII as they are. */
function decodeAscii(text: string): string {
  return text.replace(/%([2-7][0-9a-f])/gi, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}
