/**
 * The configuration file: YAML 1.2, one mapping of sections.
 *
 * The package `yaml` is loaded only if there is a file.
 */
import { open } from 'node:fs/promises';
import type { Path, SourceReading } from './layer.ts';

const MAX_BYTES = 1_048_576;
const MAX_ALIASES = 100;
const MAX_FAULTS = 20;

/** Reads the file, and returns anything wrong with it as a fault. Never throws. */
export async function readConfigFile(name: string): Promise<SourceReading> {
  let text: string;
  try {
    text = await readText(name);
  } catch (error) {
    return { layers: [], faults: [`${name}: cannot be read: ${reason(error)}`] };
  }
  return parseConfigFile(name, text);
}

/** Parses the text of the file `name`. Never throws. */
async function parseConfigFile(name: string, text: string): Promise<SourceReading> {
  const { LineCounter, isNode, parseDocument } = await import('yaml');
  const lineCounter = new LineCounter();
  const lineOf = (offset: number): string => `${name}:${lineCounter.linePos(offset).line || 1}`;
  try {
    const document = parseDocument(text, { lineCounter, prettyErrors: false, logLevel: 'error' });
    const faults = [...document.errors, ...document.warnings]
      .slice(0, MAX_FAULTS)
      .map(({ pos, message }) => `${lineOf(pos[0])}: is not valid YAML: ${oneLine(message)}`);
    if (faults.length > 0) return { layers: [], faults };
    const values: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    if (values === null || values === undefined) return { layers: [], faults: [] };
    const origin = (path: Path): string => {
      const node = document.getIn(path, true);
      return isNode(node) && node.range ? lineOf(node.range[0]) : name;
    };
    if (typeof values !== 'object' || Array.isArray(values)) {
      return { layers: [], faults: [`${lineOf(0)}: must be a mapping of sections`] };
    }
    return { layers: [{ values, origin, json: false, single: false }], faults: [] };
  } catch (error) {
    // For a document that is too deep, or has too many aliases, `yaml` throws errors of any class.
    return { layers: [], faults: [`${name}: is not valid YAML: ${reason(error)}`] };
  }
}

/** @throws {Error} if the file cannot be read, is too large or is not UTF-8 */
async function readText(name: string): Promise<string> {
  await using file = await open(name);
  const buffer = Buffer.alloc(MAX_BYTES + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length);
    length += bytesRead;
    if (bytesRead === 0 || length > MAX_BYTES) break;
  }
  if (length > MAX_BYTES) throw new Error('the file is larger than 1MiB');
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

function oneLine(message: string): string {
  return message.split('\n', 1)[0]!.slice(0, 200);
}
