/**
 * Whether an answer is a page of metrics, by its type and its first line. The page passes through as
 * it is: nobody reads it to its end here.
 */
import { formatsOf } from './negotiate.ts';

/** Prometheus' binary format. */
const PROTOBUF = /^application\/vnd\.google\.protobuf\s*(?:;|$)/i;

/** How far the first line is looked for. */
const MAX_LINE_BYTES = 65_536;

/** A comment, or a name with or without labels, a value, and perhaps a timestamp. */
const LINE =
  /^(?:#.*|(?:[A-Za-z_:][\w:]*(?:[ \t]*\{.*\})?|\{.*\})[ \t]*(?<=[ \t}])[+-]?(?:\d|\.\d|inf|nan).*)$/i;

/** @param contentType - '' if the answer has none: then the first line alone decides */
export function isMetrics(body: Buffer, contentType: string): boolean {
  if (PROTOBUF.test(contentType)) return true;
  if (contentType !== '' && !formatsOf(contentType).announced) return false;
  const head = body.toString('latin1', 0, Math.min(body.length, MAX_LINE_BYTES));
  const line = firstLine(head);
  return line === '' ? body.length <= MAX_LINE_BYTES : LINE.test(line);
}

/** The last line of OpenMetrics, and its newline, which may lack. */
const END = /(?:^|\n)# EOF\n?$/;

/** Whether the page has the end that its format demands: without it the page was cut short. */
export function hasEnd(body: Buffer, contentType: string): boolean {
  const { formats } = formatsOf(contentType);
  if (formats[0] !== 'openmetrics') return true;
  return END.test(body.toString('latin1', Math.max(0, body.length - 16)));
}

/** The first line that is not blank; '' if there is none. */
function firstLine(text: string): string {
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf('\n', from);
    const line = text.slice(from, end < 0 ? text.length : end).replace(/^[ \t\r]+|[ \t\r]+$/g, '');
    if (line !== '') return line;
    if (end < 0) break;
    from = end + 1;
  }
  return '';
}
