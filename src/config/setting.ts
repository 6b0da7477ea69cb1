/**
 * The building blocks of the schema: a key's type, default and description in one place.
 *
 * Each block is a zod schema with an entry in `settings`. The rest of `config/` reads this entry to
 * turn a text of the environment into a value, to mask secrets and to print the reference.
 */
import { isIP } from 'node:net';
import { z } from 'zod';
import { parseDurationMs, printDuration } from '../../broker/duration.ts';
import { isPemText } from '../pem.ts';
import { parseSizeBytes, printSize } from './quantity.ts';

/** A value in the form of the file. */
type Default = string | number | boolean | readonly string[] | Readonly<Record<string, never>>;

interface Described {
  /** One sentence. */
  readonly description: string;
  /** The value of an absent key, in the form of the file; undefined: the key has no default. */
  readonly default?: Default;
  readonly required: boolean;
}

/** One value: a text, a number, a switch. */
interface ValueSetting extends Described {
  readonly kind: 'value';
  /** The allowed values, as the end of "must be …". */
  readonly allowed: string;
  /** The type that a text of the environment or the command line is read as. */
  readonly readAs: 'text' | 'number' | 'flag';
  readonly secret: boolean;
  /** Set if the value is PEM that holds this, or the path of a PEM file, which must exist. */
  readonly pem?: 'certificate' | 'key';
}

interface ListSetting extends Described {
  readonly kind: 'list';
  readonly item: z.ZodType;
}

interface SectionSetting extends Described {
  readonly kind: 'section';
  readonly fields: SectionFields;
}

/** Free keys, each with a list of texts. */
interface MapSetting extends Described {
  readonly kind: 'map';
  readonly allowed: string;
}

export type Setting = ValueSetting | ListSetting | SectionSetting | MapSetting;
export type SectionFields = Readonly<Record<string, z.ZodType>>;

const settings = new WeakMap<z.ZodType, Setting>();

function set<S extends z.ZodType>(schema: S, setting: Setting): S {
  settings.set(schema, setting);
  return schema;
}

/** @throws {TypeError} if this file did not create the schema: a mistake in `config/` */
export function settingOf(schema: z.ZodType): Setting {
  const setting = settings.get(schema);
  if (!setting) throw new TypeError('a schema without a setting');
  return setting;
}

type Leaf<T> = z.ZodType<T, unknown>;

interface LeafOptions<T> {
  readonly allowed: string;
  readonly readAs?: ValueSetting['readAs'];
  readonly secret?: boolean;
  readonly pem?: ValueSetting['pem'];
  /** Returns undefined for a value that is not allowed. */
  readonly read: (value: unknown) => T | undefined;
}

export function leaf<T>(description: string, options: LeafOptions<T>): Leaf<T> {
  const { allowed, read, readAs = 'text', secret = false, pem } = options;
  const schema = z.unknown().transform((value, context) => {
    const result = read(value);
    if (result !== undefined) return result;
    context.addIssue({ code: 'custom', message: `must be ${allowed}`, input: value });
    return z.NEVER; // an object, so rules of the section see a value that equals none
  });
  const setting: ValueSetting = {
    ...{ kind: 'value', description, required: true, allowed, readAs, secret },
    ...(pem && { pem }),
  };
  return set(schema, setting);
}

/** Gives the key a default, in the form of the file. */
export function withDefault<S extends z.ZodType>(schema: S, value: Default): z.ZodPrefault<S> {
  const setting = { ...settingOf(schema), default: value, required: false };
  // The input type of every schema of this file is `unknown`, since the schema itself checks it.
  return set(schema.prefault(value as z.input<S>), setting);
}

/** The key may stay absent. */
export function optional<S extends z.ZodType>(schema: S): z.ZodOptional<S> {
  return set(schema.optional(), { ...settingOf(schema), required: false });
}

/** A duration; the output is in milliseconds. */
export function duration(
  description: string,
  { minMs, maxMs }: { readonly minMs: number; readonly maxMs: number },
): Leaf<number> {
  const range = `from ${printDuration(minMs)} to ${printDuration(maxMs)}`;
  return leaf(description, {
    allowed: `a duration such as 500ms, 15s, 10m or 1h30m, ${range}`,
    read: (value) => {
      const ms = typeof value === 'string' ? parseDurationMs(value) : undefined;
      return ms !== undefined && ms >= minMs && ms <= maxMs ? ms : undefined;
    },
  });
}

/** A size of memory or data; the output is in bytes. */
export function size(
  description: string,
  { minBytes, maxBytes }: { readonly minBytes: number; readonly maxBytes: number },
): Leaf<number> {
  const range = `from ${printSize(minBytes)} to ${printSize(maxBytes)}`;
  return leaf(description, {
    allowed: `a size such as 64KB, 16MiB or 1GiB, ${range}`,
    read: (value) => {
      const bytes = typeof value === 'string' ? parseSizeBytes(value) : undefined;
      return bytes !== undefined && bytes >= minBytes && bytes <= maxBytes ? bytes : undefined;
    },
  });
}

export function wholeNumber(
  description: string,
  { min, max }: { readonly min: number; readonly max: number },
): Leaf<number> {
  return leaf(description, {
    allowed: `a whole number from ${min} to ${max}`,
    readAs: 'number',
    read: (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
        ? value
        : undefined,
  });
}

export function flag(description: string): Leaf<boolean> {
  return leaf(description, {
    allowed: 'true or false',
    readAs: 'flag',
    read: (value) => (typeof value === 'boolean' ? value : undefined),
  });
}

/** One of a few words. */
export function choice<const W extends string>(description: string, words: readonly W[]): Leaf<W> {
  return leaf(description, {
    allowed: `one of ${words.join(', ')}`,
    read: (value) => words.find((word) => word === value),
  });
}

/** A regular expression, or anything that tests texts as one does. */
export type TextPattern = Pick<RegExp, 'test'>;

/** A text of at most 4096 characters that `pattern` allows. */
export function text(
  description: string,
  { allowed, pattern, secret = false }: { allowed: string; pattern: TextPattern; secret?: boolean },
): Leaf<string> {
  return leaf(description, {
    allowed,
    secret,
    read: (value) =>
      typeof value === 'string' && value.length <= 4096 && pattern.test(value) ? value : undefined,
  });
}

/** An IP address or a network: `10.0.0.0/8`. */
export function network(description: string): Leaf<string> {
  return leaf(description, {
    allowed: 'an IP address, or a network such as 10.0.0.0/8',
    read: (value) => {
      const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(String(value)) ?? [];
      const longest = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
      return typeof value === 'string' && Number(bits ?? 0) <= longest ? value : undefined;
    },
  });
}

/** What a PEM setting may be. */
export function pemWords(holds: 'certificate' | 'key'): string {
  return `the path of a PEM file with a ${holds}, or the PEM text itself`;
}

/** Room for a bundle of authorities. */
const MAX_PEM_CHARACTERS = 524_288;

/**
 * The path of a file. With `pem` the file must exist and hold a certificate or key, and its text may
 * stand in place of the path.
 */
export function file(description: string, pem?: 'certificate' | 'key'): Leaf<string> {
  return leaf(description, {
    allowed: pem ? pemWords(pem) : 'the path of a file',
    ...(pem && { pem }),
    read: (value) => {
      if (typeof value !== 'string') return undefined;
      const isText = pem !== undefined && isPemText(value);
      if (isText) return value.length <= MAX_PEM_CHARACTERS ? value : undefined;
      return /^[^\0\r\n]{1,4096}$/.test(value) ? value : undefined;
    },
  });
}

/** An absolute URL without user name, password or fragment. */
export function url(description: string, schemes: readonly string[]): Leaf<string> {
  const named = schemes.map((scheme) => `${scheme}://`).join(' or ');
  return leaf(description, {
    allowed: `a URL that begins with ${named}, without user name and password in it`,
    read: (value) => {
      if (typeof value !== 'string' || value.length > 4096 || /[\s\\#@]/.test(value)) return;
      const parsed = URL.parse(value);
      const scheme = schemes.find((name) => value.toLowerCase().startsWith(`${name}://`));
      return parsed && scheme && parsed.hostname !== '' ? value : undefined;
    },
  });
}

/** A list; the environment writes it as JSON, or a list of values separated by commas. */
export function list<S extends z.ZodType>(description: string, item: S): z.ZodArray<S> {
  const setting: ListSetting = { kind: 'list', description, required: true, item };
  return set(z.array(item, 'must be a list'), setting);
}

/** Free keys, each with a list of texts that `pattern` allows. */
export function textLists(
  description: string,
  { allowed, pattern }: { readonly allowed: string; readonly pattern: RegExp },
): Leaf<Readonly<Record<string, readonly string[]>>> {
  const value = z.string(`must be ${allowed}`).regex(pattern, `must be ${allowed}`);
  const setting: MapSetting = { kind: 'map', description, required: true, allowed };
  const texts = z.array(value, 'must be a list of texts');
  return set(z.record(z.string(), texts, 'must be a mapping'), setting);
}

/** A condition that involves several keys of a section. */
export interface Rule<K extends string> {
  readonly key: K;
  /** A key inside `key`, which has the fault. */
  readonly inner?: string;
  /** @param values - a key with a fault of its own may have any value; the rule should then hold */
  readonly holds: (values: Readonly<Partial<Record<K, unknown>>>) => boolean;
  /** The end of the message "is …, but …". */
  readonly otherwise: string;
}

/** A mapping with these keys only. */
export function section<F extends SectionFields>(
  description: string,
  fields: F,
  rules: readonly Rule<keyof F & string>[] = [],
): z.ZodObject<F, z.core.$strict> {
  let schema = z.strictObject(fields, {
    error: (issue) => (issue.code === 'invalid_type' ? 'must be a mapping' : undefined),
  });
  for (const { key, inner, holds, otherwise } of rules) {
    const when = (payload: z.core.ParsePayload): boolean => isMapping(payload.value);
    const path = inner === undefined ? [key] : [key, inner];
    const params = { path, error: otherwise, when }; // `when`: the rule runs despite other faults
    // So a rule also sees faulty values, which the type of the output does not allow for.
    type Given = Readonly<Partial<Record<keyof F & string, unknown>>>;
    schema = schema.refine((values) => holds(values as Given), params);
  }
  const setting: SectionSetting = { kind: 'section', description, required: true, fields };
  return set(schema, setting);
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A section that may be absent, since all its keys have defaults or are optional. */
export function sectionWithDefaults<S extends z.ZodObject>(schema: S): z.ZodPrefault<S> {
  const setting = { ...settingOf(schema), required: false };
  return set(schema.prefault({} as z.input<S>), setting);
}
