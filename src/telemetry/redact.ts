/**
 * Masks secrets in everything that promgate writes to its log.
 *
 * Texts keep their shape, since a mask replaces only the secret part; a text with a percent-encoded
 * token is masked as a whole.
 */

const MASK = '***';

/** Names of fields, headers and query parameters whose values are secrets. */
const SECRET_NAME =
  /authorization|cookie|passw|passphrase|^pass$|pwd|secret|token|jwt|credential|signature|^sig$|session|api[-_]?key|private[-_]?key|encryption[-_]?key|access[-_]?key|^key$|^auth$/i;

const USER_INFO = /\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#"'<>]*@/gi;
const QUERY_PAIR = /([?&;])([^\s=&;#?"'<>]{1,100})=([^\s&;#"'<>]*)/g;
const AUTHORIZATION = /\b(basic|bearer|digest)[ \t]+(?!auth\b)[A-Za-z0-9+/=._~-]{4,}/gi;

/** A binding's token, anywhere in a text. */
const TOKEN = /promgate_[A-Za-z0-9_-]{43,}/g;

/** The number of nested percent encodings that are decoded to find a secret. */
const MAX_LAYERS = 8;

/** Deeper values are not written: a caller that logs a deep tree has made a mistake. */
const MAX_DEPTH = 6;

/**
 * Masks the tokens of bindings; a text that holds a percent-encoded token is masked as a whole.
 *
 * Call this before a text is shortened, since part of a token cannot be recognized.
 */
export function redactTokens(text: string): string {
  const masked = text.replace(TOKEN, MASK);
  let inner = masked;
  for (let layer = 0; layer < MAX_LAYERS && inner.includes('%'); layer += 1) {
    inner = decodeAscii(inner);
    if (inner.search(TOKEN) >= 0) return MASK;
  }
  return masked;
}

/** Every text with a secret holds one of these; most texts hold none, and need no closer look. */
const MAY_HOLD_SECRET = /[%=]|:\/\/|promgate_|basic|bearer|digest/i;

/** Masks user names and passwords in URLs, secrets in query strings, and other credentials. */
export function redactText(text: string): string {
  if (!MAY_HOLD_SECRET.test(text)) return text;
  return redactTokens(text)
    .replace(USER_INFO, `$1${MASK}@`)
    .replace(QUERY_PAIR, (pair, before: string, name: string) =>
      isSecretName(name) ? `${before}${name}=${MASK}` : pair,
    )
    .replace(AUTHORIZATION, `$1 ${MASK}`);
}

/** Masks the secrets of a path as sent; a segment that hides one by percent-encoding goes wholly. */
export function redactPath(path: string): string {
  return redactText(path)
    .split('/')
    .map((segment) => (hidesSecret(segment) ? MASK : segment))
    .join('/');
}

/**
 * Masks the secrets of a query string, also inside values that are URLs or paths. A value that hides
 * one by more than one percent-encoding is masked as a whole.
 *
 * @param query - as sent, without its `?`
 */
export function redactQuery(query: string): string {
  return query
    .split('&')
    .map(redactTokens)
    .map((pair) => {
      const equals = pair.indexOf('=');
      if (equals < 0) return hidesSecret(pair) ? MASK : redactText(pair);
      const name = pair.slice(0, equals);
      if (isSecretName(decodeAscii(name))) return `${name}=${MASK}`;
      if (hidesSecret(name)) return `${MASK}=${MASK}`;
      const sent = pair.slice(equals + 1);
      const value = decode(sent);
      const redacted = redactValue(value);
      if (hidesSecret(redacted) || redactValue(sent) !== sent) return `${name}=${MASK}`;
      return redacted === value ? pair : `${name}=${encodeURIComponent(redacted)}`;
    })
    .join('&');
}

/** A value may be the query of another request. */
function redactValue(value: string): string {
  return redactText(`?${value}`).slice(1);
}

/** Whether a text holds a secret that only shows once the text is decoded, once or more often. */
function hidesSecret(text: string): boolean {
  let inner = text;
  for (let layer = 0; layer < MAX_LAYERS && inner.includes('%'); layer += 1) {
    inner = decodeAscii(inner);
    if (redactValue(inner) !== inner) return true;
  }
  return false;
}

/** Unlike `decodeURIComponent`, decodes also what stands beside malformed encodings. */
function decodeAscii(text: string): string {
  return text.replace(/%([2-7][0-9a-f])/gi, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}

/** Masks values under secret names and secrets in texts, down to `MAX_DEPTH`. */
export function redactFields(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '…';
  if (value instanceof Error) return describeError(value, depth);
  if (value instanceof Date || value instanceof URL) return redactText(String(value));
  if (Array.isArray(value)) return value.map((item) => redactFields(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      isSecretName(name) && inner !== undefined ? MASK : redactFields(inner, depth + 1),
    ]),
  );
}

/**
 * Codes of what goes wrong outside this program: of the system (`ECONNREFUSED`), of TLS, and of
 * databases. Other codes that begin with `ERR_` tell of a mistake of ours.
 */
const OUTSIDE_CODE = /^(?!ERR_)|^ERR_(?:TLS|SSL|SQLITE)/;

/** Errors that say by themselves what is to be done: no place in the program tells more. */
const OUTSIDE_NAMES: ReadonlySet<string> = new Set([
  'StoreAwayError',
  'SourceError',
  'SealError',
  'ChannelError',
]);

/** Whether an error, or what caused it, is about the world and no mistake of ours. */
function isOutside(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? error.code : undefined;
  if (OUTSIDE_NAMES.has(error.name)) return true;
  return (typeof code === 'string' && OUTSIDE_CODE.test(code)) || isOutside(error.cause);
}

/** Mistakes of ours, wherever they are thrown. */
const OUR_NAMES: ReadonlySet<string> = new Set(['TypeError', 'ReferenceError', 'RangeError']);

/**
 * A stack is written only for what may be a mistake of ours.
 *
 * @param isCause - of an error that is none
 */
function describeError(error: Error, depth: number, isCause = false): Record<string, unknown> {
  const { name, message, cause } = error;
  const isOthers = isOutside(error) || (isCause && !OUR_NAMES.has(name));
  const stack = isOthers ? undefined : error.stack;
  const code = 'code' in error ? { code: String(error.code) } : {};
  return {
    name,
    message: redactText(message),
    ...code,
    ...(stack === undefined ? {} : { stack: redactText(stack) }),
    ...(cause === undefined ? {} : { cause: describeCause(cause, depth + 1, isOthers) }),
  };
}

function describeCause(cause: unknown, depth: number, isOthers: boolean): unknown {
  if (!(cause instanceof Error) || depth >= MAX_DEPTH) return redactFields(cause, depth);
  return describeError(cause, depth, isOthers);
}

function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text; // malformed encoding: the text is checked as sent
  }
}
