/**
 * The path under which a reader wants the metrics: `?metric_path=`.
 *
 * The path is checked and sent as it is, never resolved against a URL: `new URL('//evil', base)` or
 * a backslash in the path would lead to another host.
 */

import { findToken } from './token.ts';

/** A `metric_path` that no request line should carry. */
export class MetricPathError extends Error {
  override readonly name = 'MetricPathError';
}

const DEFAULT_PATH = '/metrics';

/**
 * Reads a `metric_path` as its query parameter gives it, percent escapes already decoded once.
 *
 * @param text - undefined or blank means `/metrics`; a query in the text is kept
 * @returns a request target that begins with one `/`; blanks and characters beyond ASCII are
 *   percent-encoded, all others unchanged
 * @throws {MetricPathError} for `//…`, a backslash, a control character, `#`, a lone surrogate, or
 *   a binding's token, which the app would see
 */
export function parseMetricPath(text: string | undefined): string {
  const trimmed = text?.replace(/^[ \t]+|[ \t]+$/g, '') ?? '';
  if (trimmed === '') return DEFAULT_PATH;
  if (findToken(trimmed) !== undefined) {
    throw new MetricPathError("metric_path must not hold a binding's token: apps would read it");
  }
  if (/[\x00-\x1f\x7f-\x9f\\#]/.test(trimmed)) {
    throw new MetricPathError(
      `metric_path ${JSON.stringify(text)} must not hold \\, # or a control character`,
    );
  }
  const path = trimmed.startsWith('/') ? trimmed : `/${trimmed}`;
  if (path.startsWith('//')) {
    throw new MetricPathError(`metric_path ${JSON.stringify(text)} must not begin with //`);
  }
  if (!path.isWellFormed()) {
    throw new MetricPathError(`metric_path ${JSON.stringify(text)} is not Unicode text`);
  }
  return path.replace(/[^\x21-\x7e]+/g, encodeURIComponent);
}
