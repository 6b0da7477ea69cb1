/**
 * The comment lines of a body: HELP, TYPE, UNIT, `# EOF`, and promgate's own `# AGGREGATE`.
 *
 * A push that replaces a group may say HELP and TYPE of a name once, and TYPE before all samples,
 * as Pushgateway demands. Pushgateway takes `#TYPE` and types in capitals, too.
 */
import { MAX_NAME_BYTES, MAX_TEXT_BYTES } from '../../exposition/bounds.ts';
import { ExpositionError } from '../../exposition/error.ts';
import { unquote } from '../../exposition/escape.ts';
import { type FamilyType, type Grammar, typeOf } from '../../exposition/grammar.ts';
import { readComment } from '../../exposition/metadata.ts';
import type { PushMode } from '../push.ts';
import { GAUGE_MODES, isCompound } from '../pushed-page.ts';
import type { BodyFamilies, Declaration } from './body-families.ts';

/** HELP and TYPE as Pushgateway reads them; names in quotes are read by `readComment`. */
const PUSHGATEWAY_LINE = /^#[ \t]*(HELP|TYPE)[ \t]+([a-zA-Z_:][a-zA-Z0-9_:]*)(?:[ \t]+(.*))?$/s;
const BAD_NAME = /^#[ \t]*(?:HELP|TYPE)[ \t]+[^" \t]/;
const QUOTED_NAME = /^#[ \t]+(?:HELP|TYPE)[ \t]+"/;
const AGGREGATE = /^#[ \t]+AGGREGATE(?:[ \t]|$)/;
const AGGREGATE_LINE =
  /^#[ \t]+AGGREGATE[ \t]+(?:"((?:[^"\\]|\\.)+)"|([^" \t]+))[ \t]+([a-z]+)[ \t]*$/;
const LETTER_A = 65;

export class CommentReader {
  readonly #bytes: Buffer;
  readonly #grammar: Grammar;
  readonly #replaces: boolean;
  readonly #families: BodyFamilies;

  constructor(bytes: Buffer, grammar: Grammar, mode: PushMode, families: BodyFamilies) {
    this.#bytes = bytes;
    this.#grammar = grammar;
    this.#replaces = mode === 'replace';
    this.#families = families;
  }

  /**
   * @param hash - the offset of the line's `#`
   * @param end - the offset of the line's line feed
   * @returns whether the line is the `# EOF` of OpenMetrics
   * @throws {ExpositionError} if the line is refused
   */
  read(hash: number, end: number): boolean {
    if (this.#bytes[hash + 2] === LETTER_A || this.#bytes[hash + 3] === LETTER_A) {
      if (this.#readAggregate(hash, end)) return false;
    }
    if (this.#replaces && !this.#grammar.strict && this.#readAsPushgateway(hash, end)) return false;
    const comment = readComment(this.#bytes, hash, end, this.#grammar);
    if (comment.says === 'eof') return true;
    if (comment.says === 'nothing') return false;
    const name = unquote(this.#bytes.toString('utf8', comment.nameFrom, comment.nameTo));
    const text = this.#bytes.toString('utf8', comment.textFrom, comment.textTo);
    if (comment.says === 'type') this.#setType(hash, name, comment.type);
    else if (comment.says === 'help') this.#setHelp(hash, name, text);
    else this.#families.declaration(name).unit ??= text;
    return false;
  }

  /** @returns whether the line is such a comment */
  #readAggregate(hash: number, end: number): boolean {
    const line = this.#bytes.toString('utf8', hash, Math.min(end, hash + 2 * MAX_NAME_BYTES));
    if (!AGGREGATE.test(line)) return false;
    if (this.#replaces) return !this.#grammar.strict;
    const [, quoted, plain, word] = AGGREGATE_LINE.exec(line) ?? [];
    const name = quoted === undefined ? plain : unquote(quoted);
    const mode = GAUGE_MODES.find((one) => one === word);
    if (name === undefined || mode === undefined) {
      const modes = GAUGE_MODES.join(', ');
      throw this.#refusal(hash, `AGGREGATE needs the name of a gauge and one of ${modes}`);
    }
    const { gaugeModes } = this.#families;
    if ((gaugeModes.get(name) ?? mode) !== mode) {
      throw this.#refusal(hash, `two AGGREGATE lines of ${name} differ`);
    }
    gaugeModes.set(name, mode);
    return true;
  }

  /** @returns false if `readComment` must read the line */
  #readAsPushgateway(hash: number, end: number): boolean {
    if (end - hash > MAX_TEXT_BYTES) return false;
    const line = this.#bytes.toString('utf8', hash, end);
    const [, says, name, text = ''] = PUSHGATEWAY_LINE.exec(line) ?? [];
    if (name === undefined) {
      if (BAD_NAME.test(line)) throw this.#refusal(hash, 'invalid metric name in comment');
      return !QUOTED_NAME.test(line);
    }
    if (name.length > MAX_NAME_BYTES) return false;
    if (text === '') return true;
    if (says === 'HELP') this.#setHelp(hash, name, text);
    else {
      const type = typeOf(text.toLowerCase(), 'text');
      if (type === undefined)
        throw this.#refusal(hash, `unknown metric type "${text.slice(0, 40)}"`);
      this.#setType(hash, name, type);
    }
    return true;
  }

  #declared(name: string): Declaration {
    return this.#replaces ? this.#families.ownerOf(name) : this.#families.declaration(name);
  }

  #setHelp(hash: number, name: string, text: string): void {
    const declared = this.#declared(name);
    if (this.#replaces && declared.help !== undefined) {
      throw this.#refusal(hash, `second HELP line for metric name "${name}"`);
    }
    if (declared.help === undefined || declared.help === '')
      declared.help = this.#unescaped(hash, text);
  }

  #unescaped(hash: number, text: string): string {
    if (!text.includes('\\')) return text;
    if (this.#grammar.strict) return unquote(text);
    return text.replace(/\\(.?)/gsu, (found, char: string) => {
      if (char === 'n') return '\n';
      if (char === '\\') return char;
      if (this.#replaces) throw this.#refusal(hash, `invalid escape sequence '${found}'`);
      return found;
    });
  }

  #setType(hash: number, name: string, type: FamilyType): void {
    const declared = this.#declared(name);
    const { type: before, hasSamples } = declared;
    if (this.#replaces && (before !== undefined || hasSamples)) {
      const what = `second TYPE line for metric name "${name}", or TYPE reported after samples`;
      throw this.#refusal(hash, what);
    }
    if (before !== undefined && before !== type) {
      throw this.#refusal(
        hash,
        `TYPE says ${type}, and a TYPE line above says ${before} of ${name}`,
      );
    }
    if (hasSamples && before === undefined && isCompound(type)) {
      throw this.#refusal(hash, `samples of ${name} precede the TYPE line that says ${type}`);
    }
    this.#families.setType(declared, type);
  }

  #refusal(offset: number, what: string): ExpositionError {
    return new ExpositionError('grammar', this.#bytes, offset, what);
  }
}
