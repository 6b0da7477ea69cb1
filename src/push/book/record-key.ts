/**
 * Reads the keys of stored records. What another version of promgate may have written is left out, and
 * counted: half of a record would spoil what is known of its tenant.
 */
import { TYPES } from '../../exposition/grammar.ts';
import { GAUGE_MODES } from '../pushed-page.ts';
import type { RecordKey } from '../record.ts';

type Test = (part: unknown) => boolean;

const text: Test = (part) => typeof part === 'string';
const number: Test = (part) => typeof part === 'number';
const group: Test = (part) => part === null || text(part);
const bounds: Test = (part) =>
  Array.isArray(part) && part.every((one) => number(one) || /^-?Infinity$/.test(String(one)));
const type: Test = (part) => TYPES.some((one) => one === part);
const gaugeMode: Test = (part) => GAUGE_MODES.some((one) => one === part);

/** The parts of a key after its kind; `RecordKey` names them. */
const PARTS: Readonly<Record<RecordKey[0], readonly Test[]>> = {
  f: [text, type, text, text, gaugeMode],
  m: [group, text, text, bounds, text, text],
  s: [text, text, text, number],
  o: [text],
  i: [text, text],
};

/** @returns undefined if this promgate does not write such keys */
export function readKey(json: string): RecordKey | undefined {
  let key: unknown;
  try {
    key = JSON.parse(json);
  } catch {
    return undefined; // the caller counts it
  }
  if (!Array.isArray(key)) return undefined;
  const [kind, ...parts] = key as unknown[];
  const tests = Object.hasOwn(PARTS, String(kind)) ? PARTS[kind as RecordKey[0]] : [];
  if (tests.length === 0 || tests.length !== parts.length) return undefined;
  const fits = tests.every((test, at) => test(parts[at]));
  return fits ? (key as unknown as RecordKey) : undefined; // each part was tested
}
