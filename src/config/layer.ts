/**
 * Joins the values of all sources, and finds the source of a value.
 *
 * A layer holds the values of one source: the file, VCAP_SERVICES, the environment, the command
 * line. Sections are joined key by key; for any other value the last layer wins.
 */
import type { z } from 'zod';
import { isMapping, settingOf } from './setting.ts';

/** Keys and list indexes from the top. */
export type Path = readonly PropertyKey[];

/** The values of one source, or of one variable of it. */
export interface Layer {
  readonly values: unknown;
  /** The place where `path` is set, for messages: `promgate.yml:3`, `PORT`. */
  readonly origin: (path: Path) => string;
  /** Whether this source writes lists and mappings as JSON. */
  readonly json: boolean;
  /** Whether the layer sets one key only: a message about a missing key then does not name it. */
  readonly single: boolean;
}

/** The values of a source, and the faults of its form, one line each. */
export interface SourceReading {
  readonly layers: readonly Layer[];
  readonly faults: readonly string[];
}

/** @returns the value at `path`; undefined if there is none */
export function valueAt(values: unknown, path: Path): unknown {
  let value = values;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key]; // `hasOwn` has checked it
  }
  return value;
}

/** Sets `path` in nested mappings; only this function may have created these. */
export function setAt(values: Record<string, unknown>, path: readonly string[], value: unknown) {
  let section = values;
  for (const key of path.slice(0, -1)) {
    const next = section[key];
    section = isMapping(next) ? next : Object.assign(section, { [key]: {} })[key]!;
  }
  section[path.at(-1)!] = value;
}

/** Joins the values of one key, the strongest last; a section of null counts as absent. */
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

/** @returns the place that sets `path`, or its nearest parent; '' if no source sets any of them */
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

/** The prefix of a fault, such as `promgate.yml:3: `; '' if no source sets the path. */
export function placeOf(layers: readonly Layer[], path: Path): string {
  const { place } = originOf(layers, path);
  return place === '' ? '' : `${place}: `;
}
