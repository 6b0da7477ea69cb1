/** Applies operations files of BOSH to a manifest, as far as the ones for prometheus-boshrelease need it. */
import assert from 'node:assert/strict';

interface Operation {
  readonly type: string;
  readonly path: string;
  readonly value: unknown;
}

type Fields = Record<string, unknown>;

/**
 * @param manifest - is changed
 * @throws {AssertionError} if a place does not exist that no `?` makes optional
 */
export function applyOperations(manifest: Fields, operations: readonly Operation[]): void {
  for (const { type, path, value } of operations) {
    assert.equal(type, 'replace', path);
    replace(manifest, path, value);
  }
}

function replace(manifest: Fields, path: string, value: unknown): void {
  const keys = path.split('/').slice(1);
  let isOptional = false;
  let place: unknown = manifest;
  for (const [at, written] of keys.entries()) {
    isOptional ||= written.endsWith('?');
    const key = written.replace(/\?$/, '');
    const next = keys[at + 1];
    if (next === undefined) put(place, key, value);
    else place = step(place, key, { isOptional, isList: /^-$|=/.test(next), path });
  }
}

interface Step {
  readonly isOptional: boolean;
  /** What an optional place becomes. */
  readonly isList: boolean;
  readonly path: string;
}

function step(place: unknown, key: string, { isOptional, isList, path }: Step): unknown {
  const [name, wanted] = key.split('=');
  assert.ok(name !== undefined && typeof place === 'object' && place !== null, `${key} in ${path}`);
  if (wanted === undefined) {
    const fields = place as Fields;
    if (isOptional && fields[name] === undefined) fields[name] = isList ? [] : {};
    assert.ok(fields[name] !== undefined, `${key} of ${path} is there`);
    return fields[name];
  }
  assert.ok(Array.isArray(place), `${key} of ${path} is in a list`);
  const list = place as Fields[];
  const found = list.filter((one) => one[name] === wanted);
  if (found.length === 0 && isOptional) list.push({ [name]: wanted });
  const [one, ...others] = list.filter((entry) => entry[name] === wanted);
  assert.ok(one && others.length === 0, `one ${key} of ${path}`);
  return one;
}

function put(place: unknown, key: string, value: unknown): void {
  const [name, wanted] = key.split('=');
  if (key === '-') {
    assert.ok(Array.isArray(place), 'a list to append to');
    place.push(value);
  } else if (wanted !== undefined) {
    assert.ok(Array.isArray(place), `a list for ${key}`);
    const at = place.findIndex((one: Fields) => one[name!] === wanted); // split gives one
    if (at < 0) place.push(value);
    else place[at] = value;
  } else (place as Fields)[key] = value;
}
