/**
 * Memory that goes back to the system as soon as it is freed.
 *
 * Large ordinary buffers come from the heap of the C library, which can only shrink at its end:
 * after 90 gzip bombs the process kept 500 MB. The system maps each resizable buffer on its own.
 */
export function mapMemory(sizeBytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(sizeBytes, { maxByteLength: sizeBytes }), 0, sizeBytes);
}
