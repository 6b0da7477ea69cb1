/**
 * Memory that goes back to the system as soon as it is freed.
 *
 * Large ordinary buffers come from the heap of the C library, which can only shrink at its end:
 * after 90 gzip bombs the process kept 500 MB. The system maps each resizable buffer on its own.
 */
export function mapMemory(sizeBytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(sizeBytes, { maxByteLength: sizeBytes }), 0, sizeBytes);
}

/** Text in mapped memory: the process would keep the heap arena of a worker that has ended. */
export function mapText(text: string): Uint8Array<ArrayBuffer> {
  const block = mapMemory(Buffer.byteLength(text));
  Buffer.from(block.buffer, 0, block.length).write(text);
  return block;
}
