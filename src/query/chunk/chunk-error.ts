/** Bytes that are no chunk of samples, or one of a type that is not known. */
export class ChunkError extends Error {
  override readonly name = 'ChunkError';
}
