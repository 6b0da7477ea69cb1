/**
 * Memory that the system has back as soon as it is freed.
 *
 * What is large comes from the C library's heap after a while, and that can only shrink at its end:
 * after 90 gzip bombs the process kept 500 MB. Resizable buffers are mapped one by one.
 */
export function mapMemory(sizeBytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(sizeBytes, { maxByteLength: sizeBytes }), 0, sizeBytes);
}
