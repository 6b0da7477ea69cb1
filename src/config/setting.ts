/**
 * The building blocks of the schema: a key's type, default and description in one place.
 *
 * Each block is a zod schema with an entry in `settings`. The entry is what the rest of `config/`
 * reads: how a text of the environment becomes a value, what to mask, what the reference prints.
 */
import { isIP } from 'node:net';
import { z } from 'zod';
import { parseDurationMs, parseSizeBytes, printDuration, printSize } from './quantity.ts';

/** A value as the file would say it. */
type Default = string | number | boolean | readonly string[] | Readonly<Record<string, never>>;

interface Described {
  /** One sentence. */
  readonly description: string;
  /** What is used when the key is absent, as the file would say it; none: the key may stay absent. */
  readonly default?: Default;
  readonly required: boolean;
}

/** One value: a text, a number, a switch. */
interface ValueSetting extends Described {
  readonly kind: 'value';
  /** What to write, as the end of "must be …". */
  readonly allowed: string;
  /** What a text of the environment or the command line is to be read as. */
  readonly readAs: 'text' | 'number' | 'flag';
  readonly secret: boolean;
  /** The value is the path of a file that has to be there. */
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

/** @throws {TypeError} if the schema was not made by this file: a mistake in `schema.ts` */
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
  /** Yields undefined for what is not allowed. */
  readonly read: (value: unknown) => T | undefined;
}

function leaf<T>(description: string, options: LeafOptions<T>): Leaf<T> {
  const { allowed, read, readAs = 'text', secret = false, pem } = options;
  const schema = z.unknown().transform((value, context) => {
    const result = read(value);
    if (result !== undefined) return result;
    context.addIssue({ code: 'custom', message: `must be ${allowed}`, input: value });
    return z.NEVER; // rules of the section see it as present, and no comparison holds for it
  });
  const setting: ValueSetting = {
    ...{ kind: 'value', description, required: true, allowed, readAs, secret },
    ...(pem && { pem }),
  };
  return set(schema, setting);
}

/** With `value` when the key is absent, written as in the file. */
export function withDefault<S extends z.ZodType>(schema: S, value: Default): z.ZodPrefault<S> {
  const setting = { ...settingOf(schema), default: value, required: false };
  // The input of every schema of this file is unknown: it takes any value, and checks it itself.
  return set(schema.prefault(value as z.input<S>), setting);
}

/** The key may stay absent. */
export function optional<S extends z.ZodType>(schema: S): z.ZodOptional<S> {
  return set(schema.optional(), { ...settingOf(schema), required: false });
}

/** A length of time, yielded in milliseconds. */
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

/** An amount of memory or data, yielded in bytes. */
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

/** One of a few words; `later` are words that the design knows and this version does not. */
export function choice<const W extends string>(
  description: string,
  words: readonly W[],
  later: readonly string[] = [],
): Leaf<W> {
  const wait = later.length > 0 ? ` (${later.join(', ')}: not in this version)` : '';
  return leaf(description, {
    allowed: words.length === 1 ? `${words[0]}${wait}` : `one of ${words.join(', ')}${wait}`,
    read: (value) => words.find((word) => word === value),
  });
}

/** A text of one line that `pattern` allows. */
export function text(
  description: string,
  { allowed, pattern, secret = false }: { allowed: string; pattern: RegExp; secret?: boolean },
): Leaf<string> {
  return leaf(description, {
    allowed,
    secret,
    read: (value) =>
      typeof value === 'string' && value.length <= 4096 && pattern.test(value) ? value : undefined,
  });
}

/** An IP address, or a network of them. */
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

/** The path of a file; with `pem` one that must be there and hold what its name says. */
export function file(description: string, pem?: 'certificate' | 'key'): Leaf<string> {
  return leaf(description, {
    allowed: pem ? `the path of a PEM file with a ${pem}` : 'the path of a file',
    ...(pem && { pem }),
    read: (value) =>
      typeof value === 'string' && /^[^\0\r\n]{1,4096}$/.test(value) ? value : undefined,
  });
}

/** An absolute URL without user name, password and fragment. */
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

/** A list; the environment gives it as JSON, or, of texts, separated by commas. */
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

/** What several keys of a section must be together. */
export interface Rule<K extends string> {
  readonly key: K;
  /** @param values - of keys that have faults of their own, anything: the rule should then hold */
  readonly holds: (values: Readonly<Partial<Record<K, unknown>>>) => boolean;
  /** The end of "is …, but …". */
  readonly otherwise: string;
}

/** Keys that belong together; other keys are refused. */
export function section<F extends SectionFields>(
  description: string,
  fields: F,
  rules: readonly Rule<keyof F & string>[] = [],
): z.ZodObject<F, z.core.$strict> {
  let schema = z.strictObject(fields, {
    error: (issue) => (issue.code === 'invalid_type' ? 'must be a mapping' : undefined),
  });
  for (const { key, holds, otherwise } of rules) {
    const when = (payload: z.core.ParsePayload): boolean => isMapping(payload.value);
    const params = { path: [key], error: otherwise, when }; // when: also beside other faults
    // A rule sees values with faults too, which the output's type does not tell.
    type Given = Readonly<Partial<Record<keyof F & string, unknown>>>;
    schema = schema.refine((values) => holds(values as Given), params);
  }
  const setting: SectionSetting = { kind: 'section', description, required: true, fields };
  return set(schema, setting);
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A section whose keys all have defaults: it may stay absent. */
export function sectionWithDefaults<S extends z.ZodObject>(schema: S): z.ZodPrefault<S> {
  const setting = { ...settingOf(schema), required: false };
  return set(schema.prefault({} as z.input<S>), setting);
}
