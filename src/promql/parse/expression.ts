/** Expressions: operands, and the operators between them. */
import { signatureOf } from '../functions.ts';
import { unquote } from '../lex/string.ts';
import { isAggregation, isTimeWord, mayBeginExpression, type Token } from '../lex/token.ts';
import { quoteText } from '../literal/quote.ts';
import { type AggregationOperator, type BinaryOperator, PRECEDENCE } from '../operators.ts';
import type { Aggregation, Expression, Span } from '../tree.ts';
import { typeOf } from '../types.ts';
import { parseGrouping } from './grouping.ts';
import { numberLiteral, parseNumberLiteral, spanOf } from './literal.ts';
import { parseBinaryModifiers } from './matching.ts';
import { parseAtModifier, parseBounds, parseBrackets, parseOffsetModifier } from './modifiers.ts';
import { aggregation, binary, NO_ARGUMENTS } from './operation.ts';
import { parseSelector } from './selector.ts';
import type { Tokens } from './tokens.ts';

export class ExpressionParser {
  readonly #tokens: Tokens;
  /** The height of the tree that was read last. */
  #height = 0;

  constructor(tokens: Tokens) {
    this.#tokens = tokens;
  }

  /** Reads operands that operators join which bind at least as tightly as `minimum`. */
  parseExpression(minimum: number): Expression {
    const tokens = this.#tokens;
    tokens.deeper(tokens.peek());
    let left = this.#parseOperand();
    for (;;) {
      const op = tokens.peek().kind as BinaryOperator; // where it is none, it has no precedence
      const precedence = PRECEDENCE[op];
      if (precedence === undefined || precedence < minimum) break;
      tokens.take();
      const modifiers = parseBinaryModifiers(tokens);
      const leftHeight = this.#height;
      // `^` alone groups from the right.
      const right = this.parseExpression(op === '^' ? precedence : precedence + 1);
      this.#grow(Math.max(leftHeight, this.#height), left.span);
      left = binary(tokens, { left, op, modifiers, right });
    }
    tokens.shallower();
    return left;
  }

  /** Says that a node stands above trees of that height. */
  #grow(height: number, span: Span): void {
    this.#height = height + 1;
    this.#tokens.limitDepth(this.#height, span);
  }

  /** Reads what stands between operators, with its modifiers. */
  #parseOperand(): Expression {
    const tokens = this.#tokens;
    this.#height = 1;
    let expr = this.#parsePrefix();
    for (;;) {
      switch (tokens.peek().kind) {
        case '[':
          expr = parseBrackets(tokens, expr);
          this.#grow(this.#height, expr.span);
          break;
        case 'offset':
          expr = parseOffsetModifier(tokens, expr);
          break;
        case '@':
          expr = parseAtModifier(tokens, expr);
          break;
        case 'anchored':
        case 'smoothed':
          expr = parseBounds(tokens, expr);
          break;
        default:
          return expr;
      }
    }
  }

  #parsePrefix(): Expression {
    const tokens = this.#tokens;
    const token = tokens.peek();
    switch (token.kind) {
      case 'number':
      case 'duration':
        return parseNumberLiteral(tokens);
      case 'string':
        return this.#parseString();
      case '(':
        return this.#parseParenthesis();
      case '+':
      case '-':
        return this.#parseSign(token.kind);
      default:
        return this.#parseNamed(token);
    }
  }

  #parseString(): Expression {
    const { text, start, end } = this.#tokens.take();
    return Object.freeze({ kind: 'string', value: unquote(text), span: spanOf(start, end) });
  }

  #parseParenthesis(): Expression {
    const { start } = this.#tokens.take();
    const expr = this.parseExpression(0);
    const { end } = this.#tokens.expect(')');
    this.#grow(this.#height, expr.span);
    const span = spanOf(start, end);
    return Object.freeze({ kind: 'parenthesized', expr, type: typeOf(expr), span });
  }

  #parseSign(op: '+' | '-'): Expression {
    const { start } = this.#tokens.take();
    const expr = this.parseExpression(PRECEDENCE['*'] + 1);
    const { end } = expr.span;
    if (expr.kind === 'number') {
      const value = op === '-' ? -expr.value : expr.value;
      return numberLiteral(value, expr.isDuration, { start, end });
    }
    this.#grow(this.#height, expr.span);
    return Object.freeze({ kind: 'unary', op, expr, type: typeOf(expr), span: spanOf(start, end) });
  }

  /** Reads an aggregation, a call or a selector. */
  #parseNamed(token: Token): Expression {
    const tokens = this.#tokens;
    if (isAggregation(token.kind)) {
      tokens.take();
      const next = tokens.peek().kind;
      if (next !== '(' && next !== 'by' && next !== 'without') return parseSelector(tokens, token);
      return this.#parseAggregation(token);
    }
    if (token.kind !== 'identifier' && !isTimeWord(token.kind)) return parseSelector(tokens);
    tokens.take();
    return tokens.peek().kind === '(' ? this.#parseCall(token) : parseSelector(tokens, token);
  }

  #parseCall(token: Token): Expression {
    const tokens = this.#tokens;
    const name = token.text;
    const args = this.#parseArguments();
    const signature = signatureOf(name);
    if (signature === undefined) {
      tokens.fault(token, `unknown function with name ${quoteText(name)}`);
    } else if (signature.isExperimental && !tokens.switches.experimentalFunctions) {
      tokens.fault(token, `function ${quoteText(name)} is not enabled`);
    }
    return Object.freeze({ kind: 'call', name, args, span: spanOf(token.start, tokens.end) });
  }

  #parseAggregation(token: Token): Aggregation {
    const tokens = this.#tokens;
    const besides = { text: NO_ARGUMENTS, span: spanOf(token.start, token.end) };
    tokens.enter({ name: 'aggregation', expected: '', besides });
    const before = this.#parseGrouping();
    const args = this.#parseArguments();
    tokens.leave();
    const labels = before ?? this.#parseGrouping();
    const span = spanOf(token.start, tokens.end);
    return aggregation(tokens, token.text.toLowerCase() as AggregationOperator, {
      args,
      grouping: labels?.grouping ?? [],
      without: labels?.without ?? false,
      span,
    });
  }

  #parseGrouping(): { grouping: readonly string[]; without: boolean } | undefined {
    const word = this.#tokens.takeIf('by') ?? this.#tokens.takeIf('without');
    if (word === undefined) return undefined;
    return { grouping: parseGrouping(this.#tokens), without: word.kind === 'without' };
  }

  /** Reads arguments in parentheses. */
  #parseArguments(): readonly Expression[] {
    const tokens = this.#tokens;
    const args: Expression[] = [];
    let height = 0;
    const open = tokens.expect('(');
    if (tokens.peek().kind !== ')') {
      do {
        args.push(this.parseExpression(0));
        height = Math.max(height, this.#height);
      } while (this.#takeComma());
    }
    tokens.expect(')');
    this.#grow(height, open);
    return Object.freeze(args);
  }

  /** Whether another argument follows; commas that none follows are faults. */
  #takeComma(): boolean {
    const tokens = this.#tokens;
    for (;;) {
      const comma = tokens.takeIf(',');
      if (comma === undefined) return false;
      if (mayBeginExpression(tokens.peek().kind)) return true;
      tokens.fault(comma, 'trailing commas not allowed in function call args');
    }
  }
}
