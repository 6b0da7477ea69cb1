/**
 * Durations that are expressions, computed once the start, end and step of the query are known.
 */
import { byteOffsetOf } from '../position.ts';
import type { Duration, DurationTerm, Span } from '../tree.ts';
import { EvaluationError } from './failure.ts';
import type { Settings } from './settings.ts';

/** The largest duration: that of a signed 64-bit number of nanoseconds. */
const MAX_SECONDS = 2 ** 63 / 1e9;

/** What a duration is for: a range and a step must be positive, an offset need not. */
export type DurationUse = 'range' | 'offset';

/**
 * A duration in milliseconds.
 *
 * @throws {EvaluationError} if the duration is out of range, or not positive where it must be
 */
export function durationMs(
  duration: Duration,
  use: DurationUse,
  query: string,
  settings: Pick<Settings, 'startMs' | 'endMs' | 'stepMs'>,
): number {
  if (typeof duration === 'number') return duration;
  const seconds = secondsOf(duration, query, settings);
  const refuse = (text: string) =>
    new EvaluationError(`${byteSpan(query, duration.span)}: ${text}`);
  if (!Number.isFinite(seconds)) throw refuse('duration is NaN or infinite');
  if (use === 'range' && seconds <= 0) throw refuse('duration must be greater than 0');
  if (Math.abs(seconds) >= MAX_SECONDS) throw refuse('duration is out of range');
  return Math.trunc(seconds * 1000 + Math.sign(seconds) * 1e-6);
}

function secondsOf(
  term: DurationTerm,
  query: string,
  settings: Pick<Settings, 'startMs' | 'endMs' | 'stepMs'>,
): number {
  switch (term.kind) {
    case 'number':
      return term.value;
    case 'duration-unary': {
      const value = secondsOf(term.term, query, settings);
      return term.op === '-' ? -value : value;
    }
    case 'duration-call': {
      if (term.name === 'step') return settings.stepMs / 1000;
      if (term.name === 'range') return (settings.endMs - settings.startMs) / 1000;
      const args = term.args.map((arg) => secondsOf(arg, query, settings));
      return term.name === 'min_of' ? Math.min(...args) : Math.max(...args);
    }
    case 'duration-binary': {
      const left = secondsOf(term.left, query, settings);
      const right = secondsOf(term.right, query, settings);
      if (right === 0 && (term.op === '/' || term.op === '%')) {
        const word = term.op === '/' ? 'division' : 'modulo';
        throw new EvaluationError(`${byteSpan(query, term.span)}: ${word} by zero`);
      }
      return computed(term.op, left, right);
    }
  }
}

function computed(op: '+' | '-' | '*' | '/' | '%' | '^', left: number, right: number): number {
  switch (op) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
    case '%':
      return left % right;
    case '^':
      return left ** right;
  }
}

/** Both ends of a span, counted in bytes from the start of the query. */
function byteSpan(query: string, { start, end }: Span): string {
  return `${byteOffsetOf(query, start)}:${byteOffsetOf(query, end)}`;
}
