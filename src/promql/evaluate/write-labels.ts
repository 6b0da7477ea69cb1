/**
 * Label sets as text: `name{label="value"}`.
 */
import { quoteText } from '../literal/quote.ts';
import { type Labels, labelValue, METRIC_NAME } from './labels.ts';

const PLAIN_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** A label set as Prometheus prints it in messages: the name among the other labels. */
export function printLabels(labels: Labels): string {
  const pairs = labels.names.map((name, at) => {
    const plain = PLAIN_LABEL.test(name) ? name : quoteText(name);
    return `${plain}=${quoteText(labels.values[at] ?? '')}`;
  });
  return `{${pairs.join(', ')}}`;
}

/** A series as it is written in a query: the name in front of the braces. */
export function writeSeries(labels: Labels): string {
  const name = labelValue(labels, METRIC_NAME);
  const pairs = labels.names.flatMap((label, at) => {
    if (label === METRIC_NAME) return [];
    const plain = PLAIN_LABEL.test(label) ? label : quoteText(label);
    return [`${plain}=${quoteText(labels.values[at] ?? '')}`];
  });
  return pairs.length === 0 && name !== '' ? name : `${name}{${pairs.join(', ')}}`;
}
