/**
 * Reads the settings of the environment and the command line: `PORT`, `PROMGATE_SCRAPE_TIMEOUT`,
 * `--set`.
 */
import type { z } from 'zod';
import { type Layer, type SourceReading, setAt } from './layer.ts';
import { nearest } from './nearest.ts';
import { type NamedKey, namedKeys, readTexts, variableName } from './text.ts';

/** Cloud Foundry sets `PORT`; `PROMGATE_LISTEN_PORT` overrides it. */
const PORT = 'PORT';

/**
 * Variables with promgate's prefix that are no keys: `main.ts` and the tests read some, and
 * Kubernetes sets the others for a service called promgate.
 */
const FOREIGN =
  /^PROMGATE_(?:CONFIG|TOKEN|REQUIRE_SERVICES|UPDATE_DOCS|PROMQL_CORPUS|SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT(?:_\d+_.*)?)$/;

/** A setting of the command line; messages cite its `name`: `--port`, `--set log.level`. */
export interface Flag {
  readonly key: string;
  readonly text: string;
  readonly name: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads `PORT` and all `PROMGATE_` variables; an unknown variable is a fault. */
export function readEnvironment(schema: z.ZodType, environment: Environment): SourceReading {
  const byName = new Map(namedKeys(schema).map((key) => [variableName(key.path), key]));
  const port = byName.get('PROMGATE_LISTEN_PORT');
  const layers: Layer[] = [];
  const faults: string[] = [];
  const text = environment[PORT];
  if (port && text !== undefined) layers.push(layerOf(port, text, PORT));
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith('PROMGATE_') || value === undefined || FOREIGN.test(name)) continue;
    const key = byName.get(name);
    if (key) layers.push(layerOf(key, value, name));
    else faults.push(`${name}: is not a variable of promgate${nearest(name, [...byName.keys()])}`);
  }
  return { layers, faults };
}

/** Reads the settings of the command line; an unknown key is a fault. */
export function readFlags(schema: z.ZodType, flags: readonly Flag[]): SourceReading {
  const byName = new Map(namedKeys(schema).map((key) => [key.path.join('.'), key]));
  const layers: Layer[] = [];
  const faults: string[] = [];
  for (const { key: name, text, name: origin } of flags) {
    const key = byName.get(name);
    if (key) layers.push(layerOf(key, text, origin));
    else faults.push(`${origin}: is not a key of promgate${nearest(name, [...byName.keys()])}`);
  }
  return { layers, faults };
}

function layerOf({ path, schema }: NamedKey, text: string, origin: string): Layer {
  const values: Record<string, unknown> = {};
  setAt(values, path, readTexts(schema, text));
  return { values, origin: () => origin, json: true, single: true };
}
