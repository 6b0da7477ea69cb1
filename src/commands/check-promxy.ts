/**
 * `promgate check` of a promxy.yaml: what becomes of each key.
 */
import { ConfigError, type ConfigSources, describeConfig } from '../config/config.ts';
import { type KeyFate, readPromxyFile } from '../config/promxy.ts';

export interface FileDescription {
  /** What becomes of each key, then what takes effect, as YAML. */
  readonly text: string;
  readonly faults: readonly string[];
}

/** @returns undefined if the file is none of Promxy */
export async function describePromxy(
  file: string,
  sources: Pick<ConfigSources, 'environment' | 'memoryBytes' | 'flags'>,
): Promise<FileDescription | undefined> {
  const { values, fates } = await readPromxyFile(file);
  return values === undefined ? undefined : describeFile(file, sources, fates);
}

async function describeFile(
  file: string,
  sources: Pick<ConfigSources, 'environment' | 'memoryBytes' | 'flags'>,
  fates: readonly KeyFate[],
): Promise<FileDescription> {
  const lines = fates.map(
    ({ key, fate, why }) => `# ${key}: ${fate}${why === '' ? '' : `; ${why}`}`,
  );
  try {
    const { yaml, warnings } = await describeConfig({
      ...{ environment: sources.environment ?? {}, memoryBytes: sources.memoryBytes },
      ...{ flags: sources.flags ?? [], promxyFile: file },
    });
    const told = warnings.map((warning) => `# warning: ${warning}`);
    return { text: `${[...lines, ...told].join('\n')}\n${yaml}`, faults: [] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { text: lines.join('\n'), faults: error.faults };
  }
}
