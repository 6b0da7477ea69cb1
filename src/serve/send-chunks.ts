/**
 * Sends an answer in chunks that are made while it is sent, to readers that may be slow.
 */
import type { ServerResponse } from 'node:http';
import { cutOff } from './cut-off.ts';
import type { RequestContext } from './request.ts';

export interface SendLimits {
  /** A reader that takes longer for its answer is cut off. */
  readonly maxTimeoutMs: number;
  /** So is a reader that takes nothing for so long. */
  readonly stallMs: number;
}

/** The next chunk is made while the reader has no more than this to take. */
const MAX_UNSENT_BYTES = 262_144;

/**
 * Writes chunks as fast as the reader takes them. No chunk may be changed after it was handed over.
 *
 * @returns whether the whole answer was handed to the reader's connection; false once the reader has
 *   left or was cut off
 * @throws what `chunks` throws
 */
export async function sendChunks(
  { res, socket, state: { signal } }: Pick<RequestContext, 'res' | 'socket' | 'state'>,
  chunks: AsyncIterable<Buffer>,
  { maxTimeoutMs, stallMs }: SendLimits,
): Promise<boolean> {
  const tooSlow = setTimeout(cutOff, maxTimeoutMs, socket);
  const wait = { signal, onStall: () => cutOff(socket), stallMs };
  try {
    for await (const chunk of chunks) {
      if (signal.aborted) return false;
      res.write(chunk);
      while (res.writableLength > MAX_UNSENT_BYTES && !signal.aborted)
        await taken(res, 'drain', wait);
    }
    if (signal.aborted) return false;
    res.end();
    await taken(res, 'finish', wait);
    return res.writableFinished;
  } finally {
    clearTimeout(tooSlow);
  }
}

interface Wait {
  readonly signal: AbortSignal;
  readonly stallMs: number;
  readonly onStall: () => void;
}

/** Waits for an event of the answer. Ends too when the reader leaves; calls `onStall` if it stalls. */
async function taken(
  res: ServerResponse,
  event: 'drain' | 'finish',
  { signal, stallMs, onStall }: Wait,
): Promise<void> {
  if (signal.aborted || res.destroyed || (event === 'finish' && res.writableFinished)) return;
  const ended = new AbortController();
  let unsentBytes = res.writableLength;
  const stalling = setInterval(() => {
    if (res.writableLength >= unsentBytes) onStall();
    unsentBytes = res.writableLength;
  }, stallMs);
  const { promise, resolve } = Promise.withResolvers<void>();
  res.once(event, resolve);
  res.once('close', resolve);
  signal.addEventListener('abort', () => resolve(), { once: true, signal: ended.signal });
  await promise;
  res.off(event, resolve);
  res.off('close', resolve);
  ended.abort();
  clearInterval(stalling);
}
