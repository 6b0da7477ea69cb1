/**
 * PEM in the configuration: the path of a file, or the text itself.
 *
 * A file suits machines on which certificates are rotated. The text suits BOSH properties and
 * `VCAP_SERVICES`, which hold certificates and no files.
 */
import { readFile } from 'node:fs/promises';

/** Whether a value of the configuration is PEM, and not the path of a file. */
export function isPemText(source: string): boolean {
  return /-----BEGIN [A-Z0-9 ]+-----/.test(source);
}

/**
 * Reads a file anew with each call; a text is its own content.
 *
 * @throws the error of a file that cannot be read
 */
export async function readPem(source: string): Promise<string> {
  return isPemText(source) ? source : await readFile(source, 'utf8');
}

/** Names the source in messages: a path, or words in place of a text, which may be a key. */
export function pemName(source: string): string {
  return isPemText(source) ? 'the PEM text' : source;
}
