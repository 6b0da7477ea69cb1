/**
 * The configuration file: YAML 1.2, one mapping of sections.
 *
 * The package `yaml` is loaded only if there is a file.
 */
import type { Path, SourceReading } from './layer.ts';
import { oneLine, readTextFile, reason } from './text-file.ts';

const MAX_BYTES = 1_048_576;
const MAX_ALIASES = 100;
const MAX_FAULTS = 20;

/** Reads the file, and returns anything wrong with it as a fault. Never throws. */
export async function readConfigFile(name: string): Promise<SourceReading> {
  let text: string;
  try {
    text = await readTextFile(name, MAX_BYTES);
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
