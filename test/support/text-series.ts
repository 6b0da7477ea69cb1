/**
 * A page of text format 0.0.4 as a sorted list of its series and types: a second, plain reader
 * that shares nothing with the one under test.
 */
const SAMPLE = /^([a-zA-Z_:][\w:]*)\s*(?:\{(.*)\})?\s*([^\s{}]+)(?:\s+(-?\d+))?\s*$/s;
const LABEL = /\s*([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*,?/gsy;

/** Each sample as `name{labels sorted} value timestamp`, each TYPE line as it is; sorted. */
export function seriesOf(page: string): string[] {
  const lines = page.split('\n').filter((line) => line.trim() !== '');
  const types = lines.filter((line) => line.startsWith('# TYPE '));
  return [
    ...types,
    ...lines.filter((line) => !line.trimStart().startsWith('#')).map(series),
  ].sort();
}

function series(line: string): string {
  const match = SAMPLE.exec(line);
  if (!match) throw new Error(`no sample: ${line}`);
  const [, name, labels = '', value, timestamp = ''] = match;
  const pairs = [...labels.matchAll(LABEL)].map(([, label, text]) => `${label}="${text}"`);
  const kept = pairs.filter((pair) => !pair.endsWith('=""'));
  return `${name}{${kept.sort().join(',')}} ${value} ${timestamp}`.trimEnd();
}
