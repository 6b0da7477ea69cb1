/**
 * Prints the families that promgate appends to a merged page: the outcome of each page of each
 * instance, and of each external exporter.
 */
import type { FormatName } from '../exposition/grammar.ts';
import { PageBuilder } from '../exposition/page-builder.ts';
import type { Failure } from '../fetch/failure.ts';
import type { Via } from '../fetch/way.ts';
import { escapeLabelValue, type InsertedLabels } from '../merge/labels.ts';

/** The outcome of one page, and the labels of the series about it. */
export interface Reported {
  readonly labels: InsertedLabels;
  /** Further labels, encoded, if the instance has several pages; else ''. They follow `labels`. */
  readonly page: string;
  readonly durationSeconds: number;
  readonly bytes: number;
  readonly samples: number;
  readonly failure: Failure | undefined;
  /** The way that was chosen; undefined if there was no choice. */
  readonly via?: Via | undefined;
}

export interface ReportedExporter extends Reported {
  readonly name: string;
  readonly host: string;
}

const GAUGES: readonly [name: string, help: string, value: (reported: Reported) => number][] = [
  [
    'promgate_instance_up',
    'Whether the instance gave a page that could be merged.',
    ({ failure }) => (failure === undefined ? 1 : 0),
  ],
  [
    'promgate_instance_scrape_duration_seconds',
    'How long the instance took.',
    ({ durationSeconds }) => Math.round(durationSeconds * 1e6) / 1e6,
  ],
  ['promgate_instance_scrape_samples', "Samples of the instance's page.", ({ samples }) => samples],
  [
    'promgate_instance_scrape_bytes',
    "Bytes of the instance's page, decompressed.",
    ({ bytes }) => bytes,
  ],
];

/** The bytes of a line without its labels, about. */
const LINE_BYTES = 80;

/** Prints the families about all instances and exporters, in the format of the merged page. */
export function printReport(
  instances: readonly Reported[],
  exporters: readonly ReportedExporter[],
  format: FormatName,
): Buffer {
  const labelBytes = instances[0]?.labels.bytes.length ?? 0;
  const out = new PageBuilder(GAUGES.length * instances.length * (labelBytes + LINE_BYTES));
  for (const [name, help, value] of GAUGES) {
    out.write(`# HELP ${name} ${help}\n# TYPE ${name} gauge\n`);
    for (const reported of instances) printGauge(out, name, reported, value(reported));
  }
  printWays(out, instances);
  const failed = instances.filter(({ failure }) => failure !== undefined);
  if (failed.length > 0) {
    const name = 'promfetcher_scrape_error';
    out.write(errorHead(name, 'Why the instance gave no page.', format));
    for (const { labels, page, failure } of failed) {
      const own = page === '' ? '' : `${page},`;
      printError(out, name, labels, own + errorLabel(failure));
    }
  }
  const failedExporters = exporters.filter(({ failure }) => failure !== undefined);
  if (failedExporters.length > 0) {
    const family = 'promfetcher_scrape_external_exporter_error';
    out.write(errorHead(family, 'Why the external exporter gave no page.', format));
    for (const { labels, failure, name, host } of failedExporters) {
      const own = `instance="${escapeLabelValue(host)}",name="${escapeLabelValue(name)}",`;
      printError(out, family, labels, own + errorLabel(failure));
    }
  }
  return out.bytes;
}

/** The way to each instance, where promgate chose one. */
function printWays(out: PageBuilder, instances: readonly Reported[]): void {
  const chosen = instances.filter(({ via }) => via !== undefined);
  if (chosen.length === 0) return;
  const name = 'promgate_instance_scrape_via';
  out.write(`# HELP ${name} The way by which the instance was asked.\n# TYPE ${name} gauge\n`);
  for (const { labels, page, via } of chosen) {
    printError(out, name, labels, `${page === '' ? '' : `${page},`}via="${via}"`);
  }
}

function printGauge(
  out: PageBuilder,
  name: string,
  { labels: { bytes }, page }: Reported,
  value: number,
): void {
  out.write(`${name}{`);
  const comma = page === '' ? 1 : 0; // drops the last comma if no label follows
  out.copy(bytes, 0, Math.max(0, bytes.length - comma));
  out.write(`${page}} ${value}\n`);
}

function printError(out: PageBuilder, name: string, labels: InsertedLabels, own: string): void {
  out.write(`${name}{`);
  out.copy(labels.bytes, 0, labels.bytes.length);
  out.write(`${own}} 1\n`);
}

function errorLabel(failure: Failure | undefined): string {
  return `error="${failure}"`;
}

/** Promfetcher's counter. OpenMetrics requires `_total` in its name, so it is `unknown` there. */
function errorHead(name: string, help: string, format: FormatName): string {
  const type = format === 'text' ? 'counter' : 'unknown';
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}
