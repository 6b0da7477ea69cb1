/**
 * What a command prints: its result on standard output, all else on standard error. A reader that
 * leaves, as `head` does, ends the output and nothing else.
 */
import type { Writable } from 'node:stream';

export interface Console {
  /** @returns false once the reader of standard output has left */
  readonly out: (bytes: string | Uint8Array) => Promise<boolean>;
  readonly err: (text: string) => void;
}

interface Streams {
  readonly stdout: Pick<Writable, 'write' | 'on' | 'once'>;
  readonly stderr: Pick<Writable, 'write' | 'on'>;
}

export function openConsole({ stdout, stderr }: Streams): Console {
  let isGone = false;
  const gone = Promise.withResolvers<void>();
  stdout.on('error', () => {
    isGone = true;
    gone.resolve();
  });
  stderr.on('error', () => undefined); // nobody reads why
  return {
    out: async (bytes) => {
      if (isGone) return false;
      const written = new Promise<void>((resolve) => stdout.write(bytes, () => resolve()));
      await Promise.race([written, gone.promise]);
      return !isGone;
    },
    err: (text) => void stderr.write(text),
  };
}
