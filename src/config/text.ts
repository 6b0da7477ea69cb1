/**
 * Turns texts of the environment, the command line and VCAP_SERVICES into values.
 *
 * A text that does not have the type of its key stays a text, which the schema then refuses.
 */
import type { z } from 'zod';

import { isMapping, settingOf } from './setting.ts';

/** A key that a variable can set: any value, list or mapping that is not inside a list. */
export interface NamedKey {
  readonly path: readonly string[];
  readonly schema: z.ZodType;
}

/** @returns all keys that have a variable, with their schemas */
export function namedKeys(schema: z.ZodType, path: readonly string[] = []): NamedKey[] {
  const setting = settingOf(schema);
  if (setting.kind !== 'section') return [{ path, schema }];
  return Object.entries(setting.fields).flatMap(([key, field]) => namedKeys(field, [...path, key]));
}

/** @returns `PROMGATE_ROUTES_NATS_GREET` for `routes.nats.greet` */
export function variableName(path: readonly string[]): string {
  return `PROMGATE_${path.join('_').toUpperCase()}`;
}

/** Turns every text inside `value` into the type of its key. */
export function readTexts(schema: z.ZodType, value: unknown): unknown {
  const setting = settingOf(schema);
  switch (setting.kind) {
    case 'value':
      return typeof value === 'string' ? readScalar(setting.readAs, value) : value;
    case 'list': {
      const items = typeof value === 'string' ? readList(setting.item, value) : value;
      return Array.isArray(items) ? items.map((item) => readTexts(setting.item, item)) : items;
    }
    case 'map':
      return typeof value === 'string' ? readJson(value) : value;
    case 'section': {
      const mapping = typeof value === 'string' ? readJson(value) : value;
      if (!isMapping(mapping)) return mapping;
      const entries = Object.entries(mapping).map(([key, inner]) => {
        const field = Object.hasOwn(setting.fields, key) ? setting.fields[key] : undefined;
        return [key, field ? readTexts(field, inner) : inner] as const;
      });
      return Object.fromEntries(entries);
    }
  }
}

function readScalar(readAs: 'text' | 'number' | 'flag', text: string): unknown {
  if (readAs === 'number' && /^-?\d{1,15}(?:\.\d+)?$/.test(text)) return Number(text);
  if (readAs === 'flag' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

function readList(item: z.ZodType, text: string): unknown {
  if (/^\s*\[/.test(text) || settingOf(item).kind !== 'value') return readJson(text);
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // the schema refuses a text here, and its message says what is allowed
  }
}
