/**
 * Writes families as text format 0.0.4 or 1.0.0, or as OpenMetrics 1.0.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details
 * @see https://prometheus.io/docs/specs/om/open_metrics_spec/
 */
import { printName } from '../../exposition/escape.ts';
import { wordOf } from '../../exposition/grammar.ts';
import type { LedgerMetric, MetricRun } from '../page-source.ts';
import type { PageBytes } from './page-bytes.ts';
import { ownLabelOf, printedLabels } from './page-labels.ts';
import type { PageFamily, PagePart, PageStyle } from './page-plan.ts';
import { kindBits, type PageSample, type SampleKind } from './page-samples.ts';
import { isTime, printBound, printValue } from './print-number.ts';

/** Writes one format. */
export interface PageWriter {
  /** Text that is different for families whose heads are different. */
  headOf(family: PageFamily): string;
  begin(out: PageBytes, family: PageFamily): void;
  /** @param leftOut - labels of metrics that are not written */
  metrics(
    out: PageBytes,
    part: PagePart,
    metrics: readonly LedgerMetric[],
    leftOut?: ReadonlySet<string>,
  ): void;
  /** @returns how far the bytes after `begin` have moved */
  end(out: PageBytes): number;
  /**
   * Tells apart how metrics are written: the bytes of two parts with the same metrics are equal if
   * their keys are. An integer from 0 to 63.
   */
  keyOf(family: PageFamily, part: PagePart): number;
  /** What the page ends with. */
  readonly foot: string;
  /** Whether each piece of a page begins with the head of its family. */
  readonly repeatsHeads: boolean;
}

/** Text is handed to the buffer when it has so many characters. */
const TEXT_LENGTH = 16_384;

export function lineWriter(style: PageStyle): PageWriter {
  const { format } = style;
  return {
    headOf: (family) => headOf(family, style),
    begin: (out, family) => out.text(headOf(family, style)),
    metrics: (out, part, metrics, leftOut) => {
      const [sample] = part.samples;
      const isSingle = part.samples.length === 1 && sample?.kind === 'value';
      const kept = leftOut ? metrics.filter(({ labels }) => !leftOut.has(labels)) : metrics;
      if (isSingle) writeValues(out, sample.name, kept, style);
      else writeRows(out, part, kept, style);
    },
    end: () => 0,
    keyOf: (_, { samples }) => kindBits(samples),
    foot: format === 'openmetrics' ? '# EOF\n' : '',
    repeatsHeads: false,
  };
}

function headOf({ name, type, help, unit }: PageFamily, { format }: PageStyle): string {
  const printed = printName(name, 'metric', 'allow-utf-8');
  const typeLine = `# TYPE ${printed} ${wordOf(type, format === 'openmetrics' ? format : 'text')}\n`;
  const helpLine = help === '' ? '' : `# HELP ${printed} ${escapeHelp(help, format)}\n`;
  if (format === 'text') return helpLine + typeLine;
  const hasUnit = unit !== '' && name.endsWith(`_${unit}`) && !/[^\w:]/.test(unit);
  const mayHaveUnit = hasUnit && type !== 'info' && type !== 'stateset';
  return `${typeLine}${mayHaveUnit ? `# UNIT ${printed} ${unit}\n` : ''}${helpLine}`;
}

function escapeHelp(help: string, format: PageStyle['format']): string {
  const special = format === 'text' ? /[\\\n]/g : /[\\\n"]/g;
  return help.replace(special, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}

/** What stands around the labels of a sample. */
function frontsOf(name: string): { readonly bare: string; readonly open: string } {
  const printed = printName(name, 'metric', 'allow-utf-8');
  if (printed === name) return { bare: `${name} `, open: `${name}{` };
  return { bare: `{${printed}} `, open: `{${printed},` };
}

/** Writes metrics that are one value each: nearly all metrics of most pages, so this is short. */
function writeValues(
  out: PageBytes,
  name: string,
  metrics: readonly LedgerMetric[],
  { escaping }: PageStyle,
): void {
  const { bare, open } = frontsOf(name);
  let text = '';
  for (const metric of metrics) {
    const labels = printedLabels(metric.labels, escaping, undefined);
    const value = printValue(metric.current().values[0] ?? Number.NaN);
    text += labels === '' ? `${bare}${value}\n` : `${open}${labels}} ${value}\n`;
    if (text.length < TEXT_LENGTH) continue;
    out.text(text);
    text = '';
  }
  out.text(text);
}

function writeRows(
  out: PageBytes,
  part: PagePart,
  metrics: readonly LedgerMetric[],
  style: PageStyle,
): void {
  const lines = new Lines(part, style);
  let text = '';
  for (const metric of metrics) {
    text += lines.of(metric);
    if (text.length < TEXT_LENGTH) continue;
    out.text(text);
    text = '';
  }
  out.text(text);
}

type Print = (labels: string, run: MetricRun, metric: LedgerMetric) => string;

/** The lines of the metrics of one part. */
class Lines {
  readonly #style: PageStyle;
  readonly #own: 'le' | 'quantile' | undefined;
  readonly #prints: readonly Print[];
  /** The bounds of the last metric: the metrics of a family mostly have the same. */
  #bounds: readonly number[] = [];
  #texts: readonly string[] = [];

  constructor({ samples }: PagePart, style: PageStyle) {
    this.#style = style;
    this.#own = ownLabelOf(samples);
    this.#prints = samples.map((sample) => this.#printOf(sample));
  }

  of(metric: LedgerMetric): string {
    const labels = printedLabels(metric.labels, this.#style.escaping, this.#own);
    const run = metric.current();
    let text = '';
    for (const print of this.#prints) text += print(labels, run, metric);
    return text;
  }

  #printOf({ name, kind }: PageSample): Print {
    const { bare, open } = frontsOf(name);
    const line = (labels: string, value: number): string =>
      labels === '' ? `${bare}${printValue(value)}\n` : `${open}${labels}} ${printValue(value)}\n`;
    const prints: Readonly<Record<SampleKind, Print>> = {
      value: (labels, { values }) => line(labels, values[0] ?? Number.NaN),
      count: (labels, { values }) => line(labels, values[0] ?? Number.NaN),
      sum: (labels, { values }) =>
        Number.isNaN(values[1] ?? Number.NaN) ? '' : line(labels, values[1]!),
      created: (labels, _, { createdMs }) =>
        isTime(createdMs) ? line(labels, createdMs / 1_000) : '',
      quantiles: (labels, run) => this.#rows(open, labels, run),
      buckets: (labels, run) => {
        const infinite = `${open}${labels}${labels === '' ? '' : ','}le="+Inf"} `;
        const count = printValue(run.values[0] ?? Number.NaN);
        return `${this.#rows(open, labels, run)}${infinite}${count}\n`;
      },
    };
    return prints[kind];
  }

  #rows(open: string, labels: string, { bounds, values }: MetricRun): string {
    if (bounds !== this.#bounds) {
      this.#texts = bounds.map((bound) => printBound(bound, this.#style.format));
      this.#bounds = bounds;
    }
    const front = `${open}${labels}${labels === '' ? '' : ','}${this.#own}="`;
    let text = '';
    for (let at = 0; at < bounds.length; at++) {
      text += `${front}${this.#texts[at]}"} ${printValue(values[2 + at] ?? Number.NaN)}\n`;
    }
    return text;
  }
}
