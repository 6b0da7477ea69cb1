/**
 * Reads the JSON of an answer of Prometheus' API.
 */
import type { Readable } from 'node:stream';

/** What one server said. */
export interface Answer {
  readonly data: unknown;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
}

/** Bound on answers that are parsed as a whole. */
const MAX_BYTES = 64 * 2 ** 20;

/** An answer cannot be used. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError';
  readonly failure: 'too-big' | 'corrupt' | 'bad-data';

  constructor(failure: AnswerError['failure'], message: string) {
    super(message);
    this.failure = failure;
  }
}

/** @throws {AnswerError} if it is too large, is no answer, or tells an error */
export async function readAnswer(body: Readable): Promise<Answer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of body) {
    const bytes = chunk as Buffer; // no encoding is set
    sizeBytes += bytes.length;
    if (sizeBytes > MAX_BYTES) {
      throw new AnswerError('too-big', `the answer is larger than ${MAX_BYTES} bytes`);
    }
    chunks.push(bytes);
  }
  const answer = parse(Buffer.concat(chunks).toString());
  if (answer['status'] !== 'success') {
    throw new AnswerError('bad-data', String(answer['error'] ?? 'the answer says no reason'));
  }
  return {
    data: answer['data'],
    warnings: texts(answer['warnings']),
    infos: texts(answer['infos']),
  };
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch {
    // The next line says it.
  }
  throw new AnswerError('corrupt', 'the answer is no JSON of the Prometheus API');
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}
