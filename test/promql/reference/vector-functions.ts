/** Functions of an instant vector in the slow, obvious evaluator: of the elements of one step. */
import { type Element, keyOf, type Labels, nameless, withLabel, without } from './element.ts';
import { isNumber, quantile, Undecided, type Value } from './value.ts';

/** What a function may use besides the elements. */
interface Rest {
  readonly scalars: readonly number[];
  readonly texts: readonly string[];
  readonly atMs: number;
}

type VectorFunction = (elements: readonly Element[], rest: Rest) => Element[];

/** A function of each number; histograms are dropped. */
function each(
  compute: (value: number, scalars: readonly number[]) => number | undefined,
): VectorFunction {
  return (elements, { scalars }) =>
    elements.flatMap(({ labels, value }) => {
      const result = isNumber(value) ? compute(value, scalars) : undefined;
      return result === undefined ? [] : [{ labels: nameless(labels), value: result }];
    });
}

/** A function of each histogram; numbers are dropped. */
function ofBuckets(compute: (value: Exclude<Value, number>) => number): VectorFunction {
  return (elements) =>
    elements.flatMap(({ labels, value }) =>
      isNumber(value) ? [] : [{ labels: nameless(labels), value: compute(value) }],
    );
}

/** A part of a date; JavaScript's dates end 285,426 years after 1970. */
function datePart(part: (date: Date) => number): VectorFunction {
  return each((seconds) => {
    if (!Number.isFinite(seconds)) return Number.NaN;
    const date = new Date(Math.trunc(seconds) * 1000);
    if (Number.isNaN(date.getTime())) throw new Undecided();
    return part(date);
  });
}

const DAY_MS = 86_400_000;

/** The quantile of classic histograms, the counts of which are forced to rise. */
function histogramQuantile(q: number, elements: readonly Element[]): Element[] {
  const natives = elements.filter(({ value }) => !isNumber(value));
  const classic = elements.filter(({ labels, value }) => {
    if (!isNumber(value) || labels['le'] === undefined) return false;
    if (!Number.isFinite(value) || value < 0) throw new Undecided();
    return true;
  });
  const groups = Map.groupBy(classic, ({ labels }) => keyOf(without(labels, ['le'])));
  const taken = new Set(natives.map(({ labels }) => keyOf(labels)));
  return [
    ...natives
      .filter(({ labels }) => !groups.has(keyOf(labels)))
      .map(({ labels, value }) => ({
        labels: nameless(labels),
        value: quantile(q, value as Exclude<Value, number>),
      })),
    ...[...groups]
      .filter(([key]) => !taken.has(key))
      .map(([, group]) => ({
        labels: nameless(without(group[0]?.labels ?? {}, ['le'])),
        value: classicQuantile(q, group),
      })),
  ];
}

function classicQuantile(q: number, group: readonly Element[]): number {
  if (Number.isNaN(q)) return Number.NaN;
  if (q < 0 || q > 1) return q < 0 ? -Infinity : Infinity;
  const bound = (labels: Labels) => Number((labels['le'] ?? '').replace('+Inf', 'Infinity'));
  const byBound = Map.groupBy(group, ({ labels }) => bound(labels));
  const bounds = [...byBound.keys()].sort((a, b) => a - b);
  let most = 0;
  const counts = bounds.map((one) => {
    const count = (byBound.get(one) ?? []).reduce((all, { value }) => all + (value as number), 0);
    // A difference below this is noise.
    if (Math.abs(count - most) / (count + most) > 1e-12 || most === 0) most = Math.max(most, count);
    return most;
  });
  const total = counts.at(-1) ?? 0;
  if (bounds.at(-1) !== Infinity || bounds.length < 2 || total === 0) return Number.NaN;
  const rank = q * total;
  const at = counts.findIndex((count) => count >= rank);
  const found = at < 0 ? bounds.length - 1 : at;
  if (found === bounds.length - 1) return bounds[found - 1] ?? 0;
  const upper = bounds[found] ?? 0;
  if (found === 0 && upper <= 0) return upper;
  const [below, start] = found === 0 ? [0, 0] : [counts[found - 1] ?? 0, bounds[found - 1] ?? 0];
  return start + ((upper - start) * (rank - below)) / ((counts[found] ?? 0) - below);
}

function replaced(labels: Labels, texts: readonly string[]): Labels {
  const [target = '', template = '', source = '', expression = ''] = texts;
  const found = new RegExp(`^(?:${expression})$`, 's').exec(labels[source] ?? '');
  if (found === null) return labels;
  return withLabel(
    labels,
    target,
    template.replace(/\$(\d)/g, (_, group: string) => found[Number(group)] ?? ''),
  );
}

function joined(
  labels: Labels,
  [target = '', separator = '', ...sources]: readonly string[],
): Labels {
  return withLabel(labels, target, sources.map((name) => labels[name] ?? '').join(separator));
}

/** Rounds a number; what lies close to a limit may be rounded the other way after another order of additions. */
function stepwise(round: (value: number, scalars: readonly number[]) => number): VectorFunction {
  return each((value, scalars) => {
    const [low, high] = [
      value - 1e-8 * (Math.abs(value) + 1),
      value + 1e-8 * (Math.abs(value) + 1),
    ];
    const isWhole = Number.isInteger(value) || Number.isInteger(value * 4);
    if (!isWhole && !Object.is(round(low, scalars), round(high, scalars))) throw new Undecided();
    return round(value, scalars);
  });
}

const UNARY = [
  ...(['abs', 'acos', 'acosh', 'asin', 'asinh', 'atan', 'atanh', 'cos', 'cosh'] as const),
  ...(['exp', 'log10', 'log2', 'sin', 'sinh', 'sqrt', 'tan', 'tanh'] as const),
];

export const VECTOR_FUNCTIONS: Readonly<Record<string, VectorFunction>> = {
  ...Object.fromEntries(UNARY.map((name) => [name, each((value) => Math[name](value))])),
  ceil: stepwise(Math.ceil),
  clamp: each((value, [low = 0, high = 0]) =>
    low > high ? undefined : Math.max(low, Math.min(high, value)),
  ),
  clamp_max: each((value, [high = 0]) => Math.min(value, high)),
  clamp_min: each((value, [low = 0]) => Math.max(value, low)),
  day_of_month: datePart((date) => date.getUTCDate()),
  day_of_week: datePart((date) => date.getUTCDay()),
  day_of_year: datePart((date) => {
    const newYear = Date.UTC(date.getUTCFullYear(), 0, 1);
    return Math.floor((date.getTime() - newYear) / DAY_MS) + 1;
  }),
  days_in_month: datePart(
    (date) =>
      [31, 30, 29, 28].find(
        (day) =>
          new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), day)).getUTCMonth() ===
          date.getUTCMonth(),
      ) ?? 0,
  ),
  deg: each((value) => (value * 180) / Math.PI),
  floor: stepwise(Math.floor),
  histogram_avg: ofBuckets(({ sum, count }) => sum / count),
  histogram_count: ofBuckets(({ count }) => count),
  histogram_quantile: (elements, { scalars: [q = 0] }) => histogramQuantile(q, elements),
  histogram_quantiles: (elements, { scalars, texts: [label = ''] }) =>
    scalars.flatMap((q) =>
      histogramQuantile(q, elements).map(({ labels, value }) => ({
        labels: withLabel(labels, label, Number.isInteger(q) ? `${q}.0` : String(q)),
        value,
      })),
    ),
  histogram_sum: ofBuckets(({ sum }) => sum),
  hour: datePart((date) => date.getUTCHours()),
  label_join: (elements, { texts }) =>
    elements.map(({ labels, value }) => ({ labels: joined(labels, texts), value })),
  label_replace: (elements, { texts }) =>
    elements.map(({ labels, value }) => ({ labels: replaced(labels, texts), value })),
  ln: each(Math.log),
  minute: datePart((date) => date.getUTCMinutes()),
  month: datePart((date) => date.getUTCMonth() + 1),
  rad: each((value) => (value * Math.PI) / 180),
  round: stepwise((value, [to = 1]) => Math.floor(value / to + 0.5) * to),
  sgn: each(Math.sign),
  // The elements of a range query are in the order of their labels whatever the expression is.
  sort: (elements) => [...elements],
  sort_by_label: (elements) => [...elements],
  sort_by_label_desc: (elements) => [...elements],
  sort_desc: (elements) => [...elements],
  timestamp: (elements, { atMs }) =>
    elements.map(({ labels }) => ({ labels: nameless(labels), value: atMs / 1000 })),
  year: datePart((date) => date.getUTCFullYear()),
};
