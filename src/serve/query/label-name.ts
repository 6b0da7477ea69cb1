/**
 * The name of a label in the path of a call, where names beyond the old alphabet may be escaped.
 *
 * @see https://github.com/prometheus/proposals/blob/main/proposals/0028-utf8.md#text-escaping
 */
import { badParameter, QueryError } from '../query-errors.ts';

const PREFIX = 'U__';
const PLAIN = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** @param segment - as it stands in the path: percent-encoded, and perhaps escaped as `U__…` */
export function readLabelName(segment: string): string {
  const name = unescaped(decoded(segment));
  if (name !== '' && name.isWellFormed()) return name;
  throw new QueryError('bad_data', `invalid label name: ${JSON.stringify(name.toWellFormed())}`);
}

/** The name for a path; escaped if servers of the old alphabet would refuse it. */
export function writeLabelName(name: string): string {
  if (PLAIN.test(name)) return name;
  const escaped = Array.from(name, (character) => {
    if (character === '_') return '__';
    if (/^[A-Za-z0-9]$/.test(character)) return character;
    return `_${(character.codePointAt(0) ?? 0).toString(16)}_`;
  });
  return PREFIX + escaped.join('');
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw badParameter('name', `the path holds a wrong percent sign: ${(cause as Error).message}`);
  }
}

function unescaped(name: string): string {
  if (!name.startsWith(PREFIX)) return name;
  const rest = name.slice(PREFIX.length);
  if (!/^(?:[A-Za-z0-9]|__|_[0-9A-Fa-f]{1,6}_)*$/.test(rest)) return name;
  return rest.replace(/__|_([0-9A-Fa-f]{1,6})_/g, (all, hex: string | undefined) => {
    if (hex === undefined) return '_';
    const code = Number.parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });
}
