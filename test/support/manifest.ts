/**
 * `manifest.yml` as `cf push --vars-file vars.yml` sends it.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

const ROOT = new URL('../../', import.meta.url);

export interface Manifest {
  /** The whole document. */
  readonly document: Readonly<Record<string, unknown>>;
  readonly app: ManifestApp;
  /** The variables that the text names. */
  readonly named: readonly string[];
  /** The variables of `vars.yml`. */
  readonly variables: Readonly<Record<string, string>>;
}

/** What the tests read of an app; the check of the keys reads all. */
interface ManifestApp extends Readonly<Record<string, unknown>> {
  readonly name: string;
  readonly command: string;
  readonly memory: string;
  readonly services: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** A variable of the CLI: `((name))`. */
const VARIABLE = /\(\(([-/.\w]+)\)\)/g;

export function readManifest(): Manifest {
  const text = readFileSync(new URL('manifest.yml', ROOT), 'utf8');
  const variables: Record<string, string> = parse(readFileSync(new URL('vars.yml', ROOT), 'utf8'));
  const named = [...text.matchAll(VARIABLE)].map(([, name]) => name!);
  const filled = text.replace(VARIABLE, (whole, name: string) => variables[name] ?? whole);
  const document: Record<string, unknown> = parse(filled);
  const [app] = document['applications'] as ManifestApp[]; // the test of the manifest checks it
  return { document, app: app!, named, variables };
}
