/**
 * What promgate appends to a merged page: how each instance and external exporter did.
 *
 * Written as pages of their own, which the merge then labels like any other.
 */
import type { FormatName } from '../exposition/grammar.ts';
import type { Failure } from '../fetch/failure.ts';
import { escapeLabelValue } from '../merge/labels.ts';

interface Reported {
  readonly durationSeconds: number;
  readonly bytes: number;
  readonly samples: number;
  readonly failure: Failure | undefined;
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

/** The page about one instance. */
export function instanceReport(reported: Reported, format: FormatName): string {
  let page = '';
  for (const [name, help, value] of GAUGES) {
    page += `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name} ${value(reported)}\n`;
  }
  if (reported.failure !== undefined) {
    page += errorFamily('promfetcher_scrape_error', 'Why the instance gave no page.', format);
    page += `promfetcher_scrape_error{error="${reported.failure}"} 1\n`;
  }
  return ended(page, format);
}

/** The page about an external exporter: '' unless it failed. */
export function exporterReport(
  { name, host }: { readonly name: string; readonly host: string },
  { failure }: Reported,
  format: FormatName,
): string {
  if (failure === undefined) return '';
  const family = 'promfetcher_scrape_external_exporter_error';
  const labels = `instance="${escapeLabelValue(host)}",name="${escapeLabelValue(name)}"`;
  const head = errorFamily(family, 'Why the external exporter gave no page.', format);
  return ended(`${head}${family}{${labels},error="${failure}"} 1\n`, format);
}

/** A counter by its name in Promfetcher; OpenMetrics would want `_total`, so it has no type there. */
function errorFamily(name: string, help: string, format: FormatName): string {
  const type = format === 'text' ? 'counter' : 'unknown';
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

function ended(page: string, format: FormatName): string {
  return format === 'openmetrics' ? `${page}# EOF\n` : page;
}
