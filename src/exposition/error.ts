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
  for (
    let p = bytes.indexOf(LINE_FEED);
    p >= 0 && p < offset;
    p = bytes.indexOf(LINE_FEED, p + 1)
  ) {
    line += 1;
  }
  return line;
}
