/** What expressions of PromQL name, as far as promgate's alerts and dashboards need it. */

/** promgate's own metrics, those with names of Promxy among them, and `up`, which is Prometheus' own. */
const SELECTOR =
  /\b((?:promgate|promfetch(?:er)?|proxy|process|nodejs|server_group|prometheus)_\w+|up)\b(\{[^{}]*\})?/g;
/** Lists of labels, which hold no metrics. */
const LABELS = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g;
const TEXT = /"(?:[^"\\]|\\.)*"/g;

/** The selectors of an expression, without ranges and offsets. */
export function selectorsIn(expr: string): string[] {
  const texts: string[] = [];
  const bare = expr.replaceAll(LABELS, '').replaceAll(TEXT, (text) => `"${texts.push(text) - 1}"`);
  return [...bare.matchAll(SELECTOR)].map(
    ([selector]) => selector.replaceAll(/"(\d+)"/g, (_, place: string) => texts[Number(place)]!), // put there above
  );
}

/** The names of the metrics of an expression. */
export function metricsIn(expr: string): string[] {
  return selectorsIn(expr).map((selector) => selector.split('{', 1)[0]!); // split gives one
}
