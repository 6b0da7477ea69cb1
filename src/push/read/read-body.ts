/**
 * Reads the body of a push, whatever its format.
 */
import { everyTurn, takeSteps } from '../../clock.ts';
import { ExpositionError } from '../../exposition/error.ts';
import { OPENMETRICS, TEXT } from '../../exposition/grammar.ts';
import { formatsOf } from '../../exposition/negotiate.ts';
import type { PushMode } from '../push.ts';
import type { PushedPage } from '../pushed-page.ts';
import { PushRefusal } from '../refusal.ts';
import { assemble } from './assemble.ts';
import { BodyLayout } from './body-layout.ts';
import { unwrapJson } from './json-text.ts';
import { ProtobufError } from './protobuf.ts';
import type { ReadOptions } from './read-options.ts';
import { readProtobuf } from './read-protobuf.ts';
import { readText } from './read-text.ts';

/** How long a body is read before other work has its turn. */
const TURN_MS = 3;

export interface BodyOptions extends ReadOptions {
  /** The Content-Type of the push; '' if it has none. */
  readonly contentType: string;
}

export interface PushedBody {
  readonly page: PushedPage;
  /**
   * Makes the layout that reads later bodies that differ in values only. Call it soon or never: the
   * body stays in memory until then.
   *
   * @returns undefined if the body is too long, or has timestamps or exemplars
   */
  layout(): BodyLayout | undefined;
}

/**
 * Reads a body, in turns with other work.
 *
 * @param bytes - not compressed; nobody may write to these bytes after the call
 * @throws {PushRefusal} if the body is refused
 */
export async function readBody(bytes: Buffer, options: BodyOptions): Promise<PushedBody> {
  try {
    return await takeSteps(read(bytes, options), everyTurn(TURN_MS));
  } catch (error) {
    throw refusalOf(error, options.mode);
  }
}

function* read(bytes: Buffer, options: BodyOptions): Generator<void, PushedBody, void> {
  const { contentType, mode } = options;
  if (isProtobuf(contentType)) {
    return { page: yield* readProtobuf(bytes, options), layout: () => undefined };
  }
  const { formats } = formatsOf(contentType);
  const grammar = formats[0] === 'openmetrics' ? OPENMETRICS : TEXT;
  const text = mode === 'aggregate' && grammar === TEXT ? unwrapJson(bytes) : bytes;
  const lines = yield* readText(text, grammar, options);
  const assembled = yield* assemble(lines, mode);
  const { cuts } = lines;
  const layout = () => (cuts === undefined ? undefined : new BodyLayout(lines, assembled, mode));
  return { page: assembled.page, layout };
}

/** Whether the type is that of delimited protobuf, with all of its parameters, as for Pushgateway. */
function isProtobuf(contentType: string): boolean {
  if (!PROTOBUF.test(contentType)) return false;
  const params = contentType.split(';').map((param) => param.replace(/[\s"]/g, ''));
  return [/^proto=io\.prometheus\.client\.MetricFamily$/i, /^encoding=delimited$/i].every((one) =>
    params.some((param) => one.test(param)),
  );
}

const PROTOBUF = /^\s*application\/vnd\.google\.protobuf\s*;/i;

/** Pushgateway's words for a body that does not parse begin so. */
const PUSHGATEWAY = 'text format parsing error in ';

function refusalOf(error: unknown, mode: PushMode): unknown {
  if (error instanceof ProtobufError) {
    return new PushRefusal('bad_body', `the body is malformed: ${error.message}`, { cause: error });
  }
  if (!(error instanceof ExpositionError)) return error;
  const code = error.kind === 'too-large' ? 'too_large' : 'bad_body';
  const replaces = mode === 'replace' && code === 'bad_body';
  const words = `${replaces ? PUSHGATEWAY : ''}${error.message}`;
  return new PushRefusal(code, words, { cause: error });
}
