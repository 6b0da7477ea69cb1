/**
 * Calls of the query API whose answers are small: JSON as a whole, errors with their words.
 */
import { TargetError, type TargetFailure } from './failure.ts';
import type { CallOptions, QueryTarget, TargetAnswer } from './http.ts';

/** An answer that says `success`. */
export interface ApiData {
  readonly data: unknown;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
}

/** How much of a failed answer is read for its message. */
const MAX_ERROR_BYTES = 65_536;
const MAX_MESSAGE_LENGTH = 300;

/** @throws {TargetError} if the server does not answer with success */
export async function callApi(
  target: QueryTarget,
  path: string,
  parameters: readonly (readonly [string, string])[],
  options: CallOptions,
): Promise<ApiData> {
  const answer = await target.call(path, parameters, options);
  if (answer.status !== 200) throw await refusalOf(target, answer);
  const parts: Buffer[] = [];
  for await (const part of answer.body) parts.push(part);
  return apiData(target, Buffer.concat(parts));
}

function apiData(target: QueryTarget, bytes: Buffer): ApiData {
  const answer = parsed(bytes);
  if (answer === undefined) {
    throw new TargetError('not-prometheus', target.name, 'the answer is no JSON of the query API');
  }
  if (answer['status'] !== 'success') throw errorOf(target, 200, answer);
  return {
    data: answer['data'],
    warnings: textsOf(answer['warnings']),
    infos: textsOf(answer['infos']),
  };
}

/** The words of a status that is no success. Reads the body. */
export async function refusalOf(target: QueryTarget, answer: TargetAnswer): Promise<TargetError> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of answer.body) {
    parts.push(part);
    length += part.length;
    if (length > MAX_ERROR_BYTES) break;
  }
  answer.body.discard();
  const bytes = Buffer.concat(parts);
  const json = parsed(bytes);
  if (json?.['status'] === 'error') return errorOf(target, answer.status, json);
  const text = bytes.toString().trim().slice(0, MAX_MESSAGE_LENGTH);
  const said = /^[^<{]/.test(text) ? `: ${text}` : '';
  return new TargetError(failureOf(answer.status), target.name, `status ${answer.status}${said}`);
}

/** The words of an answer that says `error`. */
export function errorOf(
  target: QueryTarget,
  status: number,
  answer: Readonly<Record<string, unknown>>,
): TargetError {
  const type = String(answer['errorType'] ?? '');
  const message = String(answer['error'] ?? `status ${status}`).slice(0, MAX_MESSAGE_LENGTH);
  return new TargetError(TYPES[type] ?? failureOf(status), target.name, message);
}

const TYPES: Readonly<Record<string, TargetFailure>> = {
  bad_data: 'bad-data',
  execution: 'execution',
  timeout: 'timeout',
  canceled: 'timeout',
  unavailable: 'unavailable',
  not_found: 'not-found',
};

function failureOf(status: number): TargetFailure {
  switch (status) {
    case 400:
      return 'bad-data';
    case 401:
    case 403:
    case 407:
      return 'auth';
    case 404:
    case 405:
    case 501:
      return 'not-found';
    case 408:
    case 504:
      return 'timeout';
    case 422:
      return 'execution';
    case 429:
    case 502:
    case 503:
      return 'unavailable';
    default:
      return 'status';
  }
}

function parsed(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === 'object' && value !== null
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined; // the caller says what that means
  }
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
