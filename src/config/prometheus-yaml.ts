/**
 * What promgate reads of YAML that is not its own configuration. The package `yaml` is loaded when it is needed.
 */
import { isMapping } from './setting.ts';

const MAX_ALIASES = 100;

/** @throws {Error} if the text is no YAML */
export async function parseYaml(text: string): Promise<unknown> {
  const { parse } = await import('yaml');
  return parse(text, { maxAliasCount: MAX_ALIASES, logLevel: 'error' });
}

/** The external labels of a Prometheus configuration; undefined if the text is none. */
export async function readExternalLabels(
  text: string,
): Promise<Readonly<Record<string, string>> | undefined> {
  let values: unknown;
  try {
    values = await parseYaml(text);
  } catch {
    return undefined; // whoever asks tells that the labels are not known
  }
  if (!isMapping(values)) return undefined;
  const global = isMapping(values['global']) ? values['global'] : {};
  const labels = isMapping(global['external_labels']) ? global['external_labels'] : {};
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)]));
}
