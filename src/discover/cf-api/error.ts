/**
 * Why the CF API or UAA gave no answer that promgate can use.
 */
import { isObject } from '../../../broker/json.ts';
import { SourceError, type SourceFault } from '../source-error.ts';

/** An answer of the CF API other than 200. */
export class CfApiError extends SourceError {
  readonly status: number;
  /** The API's own word, such as `CF-BadQueryParameter`; '' if the answer has none. */
  readonly title: string;

  constructor(fault: SourceFault, message: string, answer: { status: number; title: string }) {
    super(fault, message);
    this.status = answer.status;
    this.title = answer.title;
  }
}

/** Whether the API does not know a parameter of the request. */
export function isUnknownParameter(error: unknown): boolean {
  return error instanceof CfApiError && error.status === 400;
}

/** Longest part of an answer that a message repeats. */
const MAX_SAID = 200;

/**
 * The error for an answer of the CF API other than 200.
 *
 * @param what - the path without its query, for the message
 * @param body - the beginning of the answer
 */
export function cfApiError(what: string, status: number, body: string): CfApiError {
  const { title, detail } = firstError(body);
  const said = title === '' ? '' : ` (${title}${detail === '' ? '' : `: ${detail}`})`;
  return new CfApiError(faultOf(status), `answered ${status} to ${what}${said}`, {
    status,
    title,
  });
}

function faultOf(status: number): SourceFault {
  if (status === 401 || status === 403) return 'denied';
  return status === 429 ? 'rate-limited' : 'status';
}

function firstError(body: string): { readonly title: string; readonly detail: string } {
  const json = parseObject(body);
  const errors = Array.isArray(json['errors']) ? (json['errors'] as readonly unknown[]) : [];
  const [first] = errors;
  if (!isObject(first)) return { title: '', detail: '' };
  return { title: said(first['title']), detail: said(first['detail']) };
}

/** @returns an empty object if the text is no JSON object */
export function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text);
    return isObject(json) ? json : {};
  } catch {
    return {}; // what the caller looks for is then absent
  }
}

/** A text of a peer on one line, bounded, for a message. */
export function said(value: unknown): string {
  if (typeof value !== 'string') return '';
  return value
    .slice(0, MAX_SAID)
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim();
}
