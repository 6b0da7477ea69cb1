import { decodeBlock } from '../../src/query/target/snappy-block.ts';

const MAX_BYTES = 67_108_864;

/** Decompresses a block of Snappy; `uncompress` of snappyjs never ends for some damaged blocks. */
export function uncompressed(block: Uint8Array): Buffer {
  const steps = decodeBlock(Buffer.from(block), MAX_BYTES);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
