/**
 * The headers of a response as the lenient parser reads them, and how they frame the body.
 */
import { listed, shown, trimmed } from './header-text.ts';

/** The bytes are no HTTP response, not even for the lenient parser. */
export class NotHttpError extends Error {
  override readonly name = 'NotHttpError';
}

/** Values by name in lower case; several values of one name keep their order. */
export type LenientHeaders = Readonly<Record<string, string | string[] | undefined>>;

const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;

/** How the body ends, and how many bytes come until then or until the next chunk size. */
export interface Framing {
  readonly kind: 'sized' | 'chunk-size' | 'to-the-end';
  readonly bytes: number;
}

export class LenientHead {
  readonly #minorVersion: number;
  readonly #values = new Map<string, string[]>();
  /** The values of the last header: a folded line continues the last value. */
  #last: string[] | undefined;

  /** @param minorVersion - of HTTP/1 */
  constructor(minorVersion: number) {
    this.#minorVersion = minorVersion;
  }

  get headers(): LenientHeaders {
    const made: Record<string, string | string[]> = Object.create(null);
    for (const [name, values] of this.#values) {
      made[name] = values.length === 1 ? values[0]! : [...values];
    }
    return made;
  }

  /** @throws {NotHttpError} for a line that is no header */
  take(line: string): void {
    if (/^[ \t]/.test(line)) {
      if (!this.#last)
        throw new NotHttpError(`${shown(line)} is a folded line without a header before it`);
      this.#last.push(trimmed(`${this.#last.pop()} ${trimmed(line)}`));
      return;
    }
    const colon = line.indexOf(':');
    if (colon < 0) throw new NotHttpError(`${shown(line)} is no header: it has no colon`);
    const name = trimmed(line.slice(0, colon)).toLowerCase();
    // Like Go, ignores a name that is empty, or holds blanks or characters beyond ASCII.
    const values = (TOKEN.test(name) && this.#values.get(name)) || [];
    values.push(trimmed(line.slice(colon + 1)));
    if (TOKEN.test(name)) this.#values.set(name, values);
    this.#last = values;
  }

  /** How the body ends (RFC 9112, 6.3). */
  framing(status: number): Framing {
    if (status === 101 || status === 204 || status === 304) return { kind: 'sized', bytes: 0 };
    const codings = listed(this.#values.get('transfer-encoding')).filter(
      (coding) => coding.toLowerCase() !== 'identity',
    );
    // HTTP/1.0 has no transfer codings: like Go, takes the bytes as they are.
    if (codings.length > 0 && this.#minorVersion > 0) {
      if (!codings.every((coding) => coding.toLowerCase() === 'chunked')) {
        throw new NotHttpError(`Transfer-Encoding ${shown(codings.join())} is not supported`);
      }
      this.#values.delete('content-length'); // chunks override it (RFC 9112, 6.3)
      return { kind: 'chunk-size', bytes: 0 };
    }
    const lengths = listed(this.#values.get('content-length'));
    if (lengths.length === 0) {
      return { kind: 'to-the-end', bytes: Number.POSITIVE_INFINITY };
    }
    const [length] = lengths;
    if (!lengths.every((other) => /^\d{1,15}$/.test(other) && Number(other) === Number(length))) {
      throw new NotHttpError(`Content-Length ${shown(lengths.join())} is not a single number`);
    }
    return { kind: 'sized', bytes: Number(length) };
  }
}
