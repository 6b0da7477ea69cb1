/** The services of `compose.yaml`, as Compose reads them. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** A service that runs an image of promgate, or another's. */
interface ComposeService {
  readonly image: string;
  readonly build?: { readonly context: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports: readonly string[];
  readonly profiles?: readonly string[];
  readonly read_only?: boolean;
  readonly tmpfs?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
}

export function readCompose(): ComposeFile {
  return parse(readFileSync(new URL('../../compose.yaml', import.meta.url), 'utf8'), {
    merge: true,
  });
}
