/**
 * Comment lines: HELP, TYPE, UNIT, `# EOF`, and free comments.
 */
import { hasNul } from './body.ts';
import { MAX_NAME_BYTES, MAX_TEXT_BYTES } from './bounds.ts';
import { ExpositionError } from './error.ts';
import { BLANK, DIGIT, type FamilyType, type Grammar, METRIC_NAME, typeOf } from './grammar.ts';

const TAB = 9;
const LINE_FEED = 10;
const SPACE = 32;
const QUOTE = 34;
const BACKSLASH = 92;

/** The parts of one comment line, as offsets into the page. */
export interface CommentLine {
  readonly says: 'help' | 'type' | 'unit' | 'eof' | 'nothing';
  /** The family's name, without quotes. */
  readonly nameFrom: number;
  readonly nameTo: number;
  readonly quoted: boolean;
  /** The text of HELP and UNIT. */
  readonly textFrom: number;
  readonly textTo: number;
  /** The type that a TYPE line declares; `unknown` for other lines. */
  readonly type: FamilyType;
}

const NOTHING: CommentLine = {
  says: 'nothing',
  nameFrom: 0,
  nameTo: 0,
  quoted: false,
  textFrom: 0,
  textTo: 0,
  type: 'unknown',
};
const EOF: CommentLine = { ...NOTHING, says: 'eof' };

const NUL = 'the comment holds a NUL byte, which Prometheus takes for the end of the page';

/** The keywords of comment lines, by their four bytes as one integer. */
const KEYWORDS = new Map<number, 'help' | 'type' | 'unit'>([
  [Buffer.from('HELP').readInt32LE(), 'help'],
  [Buffer.from('TYPE').readInt32LE(), 'type'],
  [Buffer.from('UNIT').readInt32LE(), 'unit'],
]);

/**
 * Reads a comment line.
 *
 * @param hash - the offset of the line's `#`
 * @param end - the offset of the line's line feed
 * @returns `says` is `nothing` for a free comment
 * @throws {ExpositionError} when Prometheus would refuse the line
 */
export function readComment(
  bytes: Buffer,
  hash: number,
  end: number,
  grammar: Grammar,
): CommentLine {
  const refuse = (what: string): never => {
    throw new ExpositionError('grammar', bytes, hash, what);
  };
  const strict = grammar.format === 'openmetrics';
  let p = skipBlanks(bytes, hash + 1, strict);
  const says = p > hash + 1 ? keywordAt(bytes, p) : undefined;
  if (says === undefined || (says === 'unit' && !strict) || !isBlank(bytes[p + 4]!, strict)) {
    if (!strict) return hasNul(bytes, hash, end) ? refuse(NUL) : NOTHING;
    if (bytes.toString('latin1', hash, end) === '# EOF') return EOF;
    return refuse('OpenMetrics allows no comments other than HELP, TYPE, UNIT and EOF');
  }
  p = skipBlanks(bytes, p + 4, strict);
  const name = readName(bytes, p, grammar);
  if (name === undefined) return refuse(`no valid family name follows ${says.toUpperCase()}`);
  if (name.nameTo - name.nameFrom > MAX_NAME_BYTES || end - name.end > MAX_TEXT_BYTES + 1) {
    const what = `the name or text of ${says.toUpperCase()} is too long`;
    throw new ExpositionError('too-large', bytes, hash, what);
  }
  p = name.end;
  if (strict && bytes[p] !== SPACE)
    return refuse(`no space and text follow the name of ${says.toUpperCase()}`);
  if (bytes[p] === 0) return refuse(`a NUL byte follows the name of ${says.toUpperCase()}`);
  // Prometheus skips one byte as the separator; the rest of the character would not be UTF-8.
  if (bytes[p]! > 0x7f)
    return refuse(`a character in or after the name of ${says.toUpperCase()} is not ASCII`);
  const textFrom = Math.min(p + 1, end); // one byte of any kind separates name and text
  const type =
    says === 'type' ? typeOf(bytes.toString('latin1', textFrom, end), grammar.format) : 'unknown';
  if (type === undefined) return refuse('TYPE names an unknown metric type');
  const { nameFrom, nameTo, quoted } = name;
  if (says === 'unit' && !fitsUnit(bytes, name, textFrom, end)) {
    return refuse('the family name does not end in the unit');
  }
  return { says, nameFrom, nameTo, quoted, textFrom, textTo: end, type };
}

function keywordAt(bytes: Buffer, at: number): 'help' | 'type' | 'unit' | undefined {
  const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  return KEYWORDS.get(word);
}

function isBlank(byte: number, strict: boolean): boolean {
  return byte === SPACE || (!strict && byte === TAB);
}

/** Skips at most one space in OpenMetrics (`strict`), all spaces and tabs in text. */
function skipBlanks(bytes: Buffer, at: number, strict: boolean): number {
  if (strict) return bytes[at] === SPACE ? at + 1 : at;
  let p = at;
  while (isBlank(bytes[p]!, strict)) p++;
  return p;
}

interface Name {
  readonly nameFrom: number;
  readonly nameTo: number;
  readonly quoted: boolean;
  readonly end: number;
}

function readName(bytes: Buffer, at: number, { classes }: Grammar): Name | undefined {
  let p = at;
  if (bytes[p] === QUOTE) {
    p++;
    while (bytes[p] !== QUOTE && bytes[p] !== LINE_FEED) {
      p += bytes[p] === BACKSLASH && bytes[p + 1] !== LINE_FEED ? 2 : 1;
    }
    if (bytes[p] !== QUOTE || p === at + 1 || hasNul(bytes, at, p)) return undefined;
    return { nameFrom: at + 1, nameTo: p, quoted: true, end: p + 1 };
  }
  if ((classes[bytes[p]!]! & DIGIT) !== 0) return undefined;
  while ((classes[bytes[p]!]! & METRIC_NAME) !== 0) p++;
  return p === at ? undefined : { nameFrom: at, nameTo: p, quoted: false, end: p };
}

/** Whether the family's name ends in the unit, as OpenMetrics ("Unit") demands. */
function fitsUnit(bytes: Buffer, { nameFrom, nameTo }: Name, from: number, to: number): boolean {
  const name = bytes.toString('latin1', nameFrom, nameTo);
  return to === from || name.endsWith(`_${bytes.toString('latin1', from, to)}`);
}

/** Skips the blanks that text allows before lines and values; OpenMetrics allows none. */
export function skipLineBlanks(bytes: Buffer, at: number, { classes }: Grammar): number {
  let p = at;
  while ((classes[bytes[p]!]! & BLANK) !== 0) p++;
  return p;
}
