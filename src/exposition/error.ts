/** A page is not what its format allows; the whole page is refused. */
export class ExpositionError extends Error {
  override readonly name = 'ExpositionError';
  /** `grammar`: a line that Prometheus would refuse. `too-large`: past a bound of ours. */
  readonly kind: 'grammar' | 'too-large';

  /** @param offset - where in the page; told as the number of the line, from 1 */
  constructor(kind: 'grammar' | 'too-large', bytes: Buffer, offset: number, what: string) {
    super(`line ${lineAt(bytes, offset)}: ${what}`);
    this.kind = kind;
  }
}

const LINE_FEED = 10;

function lineAt(bytes: Buffer, offset: number): number {
  let line = 1;
  // Byte by byte: of 16 MiB of empty lines, a search for each takes a second.
  for (let p = 0; p < offset; p++) if (bytes[p] === LINE_FEED) line += 1;
  return line;
}
