/**
 * Reads the body of a push, whatever its format.
 */
import { everyTurn } from '../clock.ts';
import { ExpositionError } from '../exposition/error.ts';
import { OPENMETRICS, TEXT } from '../exposition/grammar.ts';
import { formatsOf } from '../exposition/negotiate.ts';
import { assemble } from './assemble.ts';
import { BodyLayout } from './body-layout.ts';
import type { PushMode } from './push.ts';
import type { PushedPage } from './pushed-page.ts';
import { type ReadOptions, readText } from './read-text.ts';
import { PushRefusal } from './refusal.ts';

/** How long a body is read before other work has its turn. */
const TURN_MS = 3;

export interface BodyOptions extends ReadOptions {
  /** The Content-Type of the push; '' if it has none. */
  readonly contentType: string;
}

export interface PushedBody {
  readonly page: PushedPage;
  /** Reads later bodies that differ in values only; undefined if the body has none. */
  readonly layout: BodyLayout | undefined;
}

/**
 * Reads a body, in turns with other work.
 *
 * @param bytes - not compressed; nobody may write to these bytes after the call
 * @throws {PushRefusal} if the body is refused
 */
export async function readBody(bytes: Buffer, options: BodyOptions): Promise<PushedBody> {
  const pace = everyTurn(TURN_MS);
  const steps = read(bytes, options);
  try {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      const turn = pace();
      if (turn !== undefined) await turn;
    }
  } catch (error) {
    throw error instanceof ExpositionError ? refusalOf(error, options.mode) : error;
  }
}

function* read(bytes: Buffer, options: BodyOptions): Generator<void, PushedBody, void> {
  const { contentType, mode } = options;
  const { formats } = formatsOf(contentType);
  const grammar = formats[0] === 'openmetrics' ? OPENMETRICS : TEXT;
  const lines = yield* readText(bytes, grammar, options);
  const assembled = yield* assemble(lines, mode);
  const { page } = assembled;
  const layout = lines.cuts === undefined ? undefined : new BodyLayout(lines, assembled, mode);
  return { page, layout };
}

/** Pushgateway's words for a body that does not parse begin so. */
const PUSHGATEWAY = 'text format parsing error in ';

function refusalOf(cause: ExpositionError, mode: PushMode): PushRefusal {
  const code = cause.kind === 'too-large' ? 'too_large' : 'bad_body';
  const replaces = mode === 'replace' && code === 'bad_body';
  return new PushRefusal(code, `${replaces ? PUSHGATEWAY : ''}${cause.message}`, { cause });
}
