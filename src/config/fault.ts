/**
 * Prints each fault in one line: the place, the key, the value and what is allowed.
 *
 * No line holds a secret.
 */
import type { z } from 'zod';
import { isPemText } from '../pem.ts';
import { WRONG_TAG } from './exporter.ts';
import { type Layer, originOf, type Path, placeOf, valueAt } from './layer.ts';
import { nearest } from './nearest.ts';
import { MASK, withoutSecrets } from './secret.ts';
import { type Setting, settingOf } from './setting.ts';

/** All faults of the configuration together, so that the operator can mend them at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.faults = faults;
  }
}

/** @returns the lines for one issue that `schema` found in `values`, which `layers` joined */
export function faultLines(
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  values: unknown,
  layers: readonly Layer[],
): string[] {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey([...path, key], settingAt(schema, path), layers));
  }
  const setting = settingAt(schema, path);
  const { json } = originOf(layers, path);
  const given = valueAt(values, path);
  const fallback = setting?.required === false ? setting.default : undefined;
  const effective = given === undefined ? fallback : given;
  const isText = typeof effective === 'string' && setting?.kind !== 'value';
  const hint = json && isText ? ', as JSON' : '';
  const name = path.length === 0 ? 'the configuration' : keyName(path);
  const what =
    effective === undefined
      ? `is missing; it ${issue.message}`
      : `is ${shown(effective, setting)}, but ${issue.message}`;
  return [`${placeOf(layers, path)}${name} ${what}${hint}`];
}

function unknownKey(path: Path, parent: Setting | undefined, layers: readonly Layer[]): string {
  const key = String(path.at(-1));
  const known = parent?.kind === 'section' ? Object.keys(parent.fields) : [];
  const guess = nearest(key, known) || `; known keys here are ${known.join(', ')}`;
  return `${placeOf(layers, path)}${keyName(path)} is not a key of promgate${guess}`;
}

/** @returns for example `routes.gorouter[0].url`; a key that is not a plain word is quoted */
export function keyName(path: Path): string {
  let name = '';
  for (const key of path) {
    if (typeof key === 'number') name += `[${key}]`;
    else {
      const word = String(key);
      const plain = /^[\w-]{1,60}$/.test(word) ? word : JSON.stringify(word.slice(0, 60));
      name += name === '' ? plain : `.${plain}`;
    }
  }
  return name;
}

function settingAt(schema: z.ZodType, path: Path): Setting | undefined {
  let setting: Setting = settingOf(schema);
  for (const key of path) {
    if (setting.kind === 'list' && typeof key === 'number') setting = settingOf(setting.item);
    else if (setting.kind === 'section' && Object.hasOwn(setting.fields, key)) {
      setting = settingOf(setting.fields[String(key)]!);
    } else return undefined;
  }
  return setting;
}

/** Cites a value in short form, on one line, without secrets. */
function shown(value: unknown, setting: Setting | undefined): string {
  if (setting?.kind === 'value' && setting.secret) return MASK;
  if (value === null) return 'empty';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value !== 'string') return String(value);
  // A text in place of a list or mapping, or in a mapping with free keys, may hold a secret.
  if (setting?.kind !== 'value') return withActions(value);
  if (isPemText(value)) return 'a PEM text';
  const text = withoutSecrets(value);
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

/**
 * Describes a text that may hold a secret: says which placeholder is wrong, and cites the
 * placeholder only if it has the form of a field name.
 */
function withActions(text: string): string {
  const opened = text.split('{{').slice(1);
  for (const [at, part] of opened.entries()) {
    const which = `a text whose ${opened.length > 1 ? `${at + 1}. ` : ''}{{`;
    const end = part.indexOf('}}');
    if (end < 0) return `${which} has no end`;
    const inside = part.slice(0, end).trim();
    if (!WRONG_TAG.test(inside)) continue;
    const cited = /^\.\w{1,40}$/.test(inside) ? `{{${inside}}}` : 'something else';
    return `${which} }} holds ${cited}`;
  }
  return 'a text';
}
