/**
 * One range of bytes of a stored body (RFC 9110, 14).
 */

/** The first byte, and the byte behind the last. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

const ONE_RANGE = /^bytes=[\t ]*(?:(\d{1,15})-(\d{1,15})?|-(\d{1,15}))[\t ]*$/i;

/**
 * Reads a `Range` field.
 *
 * @returns undefined where the whole body is to be sent: for other units, several ranges and what is
 * not well-formed; `unsatisfiable` where the body has no byte of the range
 */
export function parseRange(
  field: string,
  sizeBytes: number,
): ByteRange | 'unsatisfiable' | undefined {
  const match = ONE_RANGE.exec(field);
  if (!match) return undefined;
  const [, first, last, suffix] = match;
  if (suffix !== undefined) {
    const length = Math.min(Number(suffix), sizeBytes);
    return length === 0 ? 'unsatisfiable' : { from: sizeBytes - length, to: sizeBytes };
  }
  const from = Number(first);
  const end = last === undefined ? sizeBytes : Number(last) + 1;
  if (end <= from) return last !== undefined && Number(last) < from ? undefined : 'unsatisfiable';
  return from >= sizeBytes ? 'unsatisfiable' : { from, to: Math.min(end, sizeBytes) };
}
