/**
 * Reads the small text files that hold configuration.
 */
import { open } from 'node:fs/promises';
import { printSize } from './quantity.ts';

/** @throws {Error} if the file cannot be read, is larger than `maxBytes` or is not UTF-8 */
export async function readTextFile(name: string, maxBytes: number): Promise<string> {
  await using file = await open(name);
  const buffer = Buffer.alloc(maxBytes + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length);
    length += bytesRead;
    if (bytesRead === 0 || length > maxBytes) break;
  }
  if (length > maxBytes) throw new Error(`the file is larger than ${printSize(maxBytes)}`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, length));
  } catch (cause) {
    throw new Error('the file is not UTF-8', { cause });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'this is a directory',
};

/** Says in one line why a file could not be read. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return oneLine(String(error));
  const code = 'code' in error ? String(error.code) : '';
  return REASONS[code] ?? oneLine(error.message);
}

/** The first line of a message, of bounded length. */
export function oneLine(message: string): string {
  return message.split('\n', 1)[0]!.slice(0, 200);
}
