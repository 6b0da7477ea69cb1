/** Applies BOSH operations files, as far as those of promgate and of cf-deployment go. */

interface Operation {
  readonly type: 'replace' | 'remove';
  readonly path: string;
  readonly value?: unknown;
}

type Place = Record<string, unknown> | unknown[];

/** @throws {Error} naming the path of an operation that does not apply */
export function applyOperations<T>(manifest: T, operations: readonly Operation[]): T {
  const copy = structuredClone(manifest);
  for (const { type, path, value } of operations) {
    apply(copy as Place, { type, path, value: structuredClone(value) });
  }
  return copy;
}

function apply(manifest: Place, { type, path, value }: Operation): void {
  const parts = path.slice(1).split('/');
  let place: Place = manifest;
  let mayLack = false;
  for (const [at, part] of parts.entries()) {
    if (part.endsWith('?')) mayLack = true;
    const name = part.replace(/\?$/, '');
    const isLast = at === parts.length - 1;
    const key = keyIn(place, name);
    const held = key === undefined ? undefined : (place as Record<string | number, unknown>)[key];
    if (isLast) {
      if (held === undefined && name !== '-' && !mayLack) throw new Error(`${path}: nothing there`);
      set(place, key ?? name, name, type === 'remove' ? undefined : value);
      return;
    }
    if (held === undefined && !mayLack) throw new Error(`${path}: there is no ${name}`);
    const next = held ?? (/^(?:-|.*=.*)$/.test(parts[at + 1]!) ? [] : {});
    if (held === undefined) set(place, key ?? name, name, next);
    place = next as Place;
  }
}

function keyIn(place: Place, name: string): string | number | undefined {
  if (!Array.isArray(place)) return name;
  const [, field = '', wanted] = /^([^=]+)=(.*)$/.exec(name) ?? [];
  if (name === '-') return place.length;
  const found = place.findIndex((one) => (one as Record<string, unknown>)[field] === wanted);
  return found < 0 ? undefined : found;
}

function set(place: Place, key: string | number, name: string, value: unknown): void {
  if (value === undefined) {
    if (Array.isArray(place)) place.splice(Number(key), 1);
    else delete place[key];
  } else if (!Array.isArray(place)) place[key] = value;
  else if (typeof key === 'number') place[key] = value;
  else {
    const [field = '', wanted] = name.split('=');
    place.push(Object.assign(value as object, { [field]: wanted })); // what comes after is put into it
  }
}
