/** A page breaks its format's grammar or a bound; promgate refuses the whole page. */
export class ExpositionError extends Error {
  override readonly name = 'ExpositionError';
  /** `grammar`: Prometheus would refuse the line. `too-large`: the page exceeds a bound. */
  readonly kind: 'grammar' | 'too-large';

  /** @param offset - a byte of the faulty line; the message gives the line's number, from 1 */
  constructor(kind: 'grammar' | 'too-large', bytes: Buffer, offset: number, what: string) {
    super(`line ${lineAt(bytes, offset)}: ${what}`);
    this.kind = kind;
  }
}

const LINE_FEED = 10;

function lineAt(bytes: Buffer, offset: number): number {
  let line = 1;
  // A loop over the bytes: `indexOf` for each of 16 Mi empty lines takes a second.
  for (let p = 0; p < offset; p++) if (bytes[p] === LINE_FEED) line += 1;
  return line;
}
