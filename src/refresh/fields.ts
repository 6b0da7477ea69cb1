/**
 * The header fields of one message, as they came: their order, their case, and repeated lines.
 *
 * Node's and undici's objects drop or join repeated lines by rules of their own. A cache needs all of
 * them: a second `Authorization` that only the origin sees would give one reader's answer to another.
 */

/** Fields that belong to one connection (RFC 9110, 7.6.1), or to a proxy before us. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export class Fields {
  /** Names and values in turn. */
  readonly raw: readonly string[];

  constructor(raw: readonly string[]) {
    this.raw = raw;
  }

  /**
   * The value of a field, all its lines joined by a comma and a blank.
   *
   * @param name - in lower case
   */
  get(name: string): string | undefined {
    let value: string | undefined;
    const { raw } = this;
    for (let i = 0; i < raw.length; i += 2) {
      if (!isNamed(raw[i]!, name)) continue;
      value = value === undefined ? raw[i + 1]! : `${value}, ${raw[i + 1]!}`;
    }
    return value;
  }

  /** The value of the first line of a field. @param name - in lower case */
  first(name: string): string | undefined {
    const { raw } = this;
    for (let i = 0; i < raw.length; i += 2) if (isNamed(raw[i]!, name)) return raw[i + 1]!;
    return undefined;
  }

  /** How many lines a field has. @param name - in lower case */
  count(name: string): number {
    let count = 0;
    for (let i = 0; i < this.raw.length; i += 2) if (isNamed(this.raw[i]!, name)) count++;
    return count;
  }

  has(name: string): boolean {
    return this.first(name) !== undefined;
  }

  /** The same fields without those that `drop` names, in lower case. */
  without(drop: ReadonlySet<string>): Fields {
    return new Fields(filterFields(this.raw, (name) => !drop.has(name)));
  }

  /** The same fields without those of the connection, and those that `Connection` names. */
  endToEnd(): Fields {
    const listed = this.get('connection');
    const named = listed === undefined ? undefined : new Set(listOf(listed.toLowerCase()));
    return new Fields(
      filterFields(this.raw, (name) => !HOP_BY_HOP.has(name) && named?.has(name) !== true),
    );
  }
}

/** The members of a comma-separated list; empty ones are left out. */
export function listOf(value: string): string[] {
  return value
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '');
}

/** @param keeps - is given names in lower case */
function filterFields(raw: readonly string[], keeps: (name: string) => boolean): string[] {
  const kept: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    if (keeps(raw[i]!.toLowerCase())) kept.push(raw[i]!, raw[i + 1]!);
  }
  return kept;
}

function isNamed(field: string, name: string): boolean {
  return field.length === name.length && (field === name || field.toLowerCase() === name);
}
