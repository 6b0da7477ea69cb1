/**
 * Where values come from, and which one wins.
 *
 * A layer is what one source says: the file, VCAP_SERVICES, the environment, the command line.
 * Sections are joined key by key; of any other value the last layer's wins.
 */
import type { z } from 'zod';
import { isMapping, settingOf } from './setting.ts';

/** Keys and list indexes from the top. */
export type Path = readonly PropertyKey[];

export interface Layer {
  readonly values: unknown;
  /** Names the place where `path` was written, for a message: `promgate.yml:3`, `PORT`. */
  readonly origin: (path: Path) => string;
  /** Lists and mappings are written as JSON here. */
  readonly json: boolean;
  /** Says one key only: no place to look for another that is missing. */
  readonly single: boolean;
}

/** What a source gave, and the faults of its form, each one line. */
export interface SourceReading {
  readonly layers: readonly Layer[];
  readonly faults: readonly string[];
}

/** @returns what stands at `path`, undefined if nothing does */
export function valueAt(values: unknown, path: Path): unknown {
  let value = values;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key]; // own, as just seen
  }
  return value;
}

/** Sets `path` in nested mappings that this function made itself. */
export function setAt(values: Record<string, unknown>, path: readonly string[], value: unknown) {
  let section = values;
  for (const key of path.slice(0, -1)) {
    const next = section[key];
    section = isMapping(next) ? next : Object.assign(section, { [key]: {} })[key]!;
  }
  section[path.at(-1)!] = value;
}

/** Joins values of one place, the strongest last; a section that is left empty counts as absent. */
export function join(schema: z.ZodType, values: readonly unknown[]): unknown {
  const setting = settingOf(schema);
  if (setting.kind !== 'section') return values.at(-1);
  const present = values.filter((value) => value !== null && value !== undefined);
  const wrong = present.find((value) => !isMapping(value));
  if (wrong !== undefined || present.length === 0) return wrong;
  const mappings = present.filter(isMapping);
  const keys = new Set(mappings.flatMap((mapping) => Object.keys(mapping)));
  const joined: [string, unknown][] = [];
  for (const key of keys) {
    const said = mappings.filter((mapping) => Object.hasOwn(mapping, key)).map((m) => m[key]);
    const field = Object.hasOwn(setting.fields, key) ? setting.fields[key] : undefined;
    const value = field ? join(field, said) : said.at(-1);
    if (value !== undefined) joined.push([key, value]);
  }
  return Object.fromEntries(joined);
}

/** Names the place that said `path`, or else the nearest thing around it; '' if nothing did. */
export function originOf(
  layers: readonly Layer[],
  path: Path,
): { readonly place: string; readonly json: boolean } {
  for (let length = path.length; length > 0; length -= 1) {
    const part = path.slice(0, length);
    const layer = layers.findLast(
      ({ values, single }) =>
        valueAt(values, part) !== undefined && (length === path.length || !single),
    );
    if (layer) return { place: layer.origin(part), json: layer.json };
  }
  return { place: '', json: false };
}

/** `promgate.yml:3: ` before a fault's text; '' when nothing said the path. */
export function placeOf(layers: readonly Layer[], path: Path): string {
  const { place } = originOf(layers, path);
  return place === '' ? '' : `${place}: `;
}
