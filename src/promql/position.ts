/** Places in a query as PromQL's messages write them: `line:column`, both from 1, columns in bytes. */

/**
 * Writes where `index` stands in `query`.
 *
 * @param index - an index of the JavaScript string, from 0 to its length
 */
export function placeOf(query: string, index: number): string {
  if (query === '') return 'unknown position';
  if (index < 0 || index > query.length) return 'invalid position';
  const lineStart = index === 0 ? 0 : query.lastIndexOf('\n', index - 1) + 1;
  let line = 1;
  for (let at = query.indexOf('\n'); at >= 0 && at < lineStart; at = query.indexOf('\n', at + 1)) {
    line += 1;
  }
  return `${line}:${Buffer.byteLength(query.slice(lineStart, index)) + 1}`;
}

/** The number of bytes before `index`: some errors of the evaluation give two such offsets. */
export function byteOffsetOf(query: string, index: number): number {
  return Buffer.byteLength(query.slice(0, index));
}
