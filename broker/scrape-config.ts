/**
 * The configuration with which a Prometheus reads the metrics that a binding gives access to.
 *
 * promgate's service discovery gives the targets with scheme, path and labels, and lists only the
 * targets that the token opens.
 *
 * @see https://prometheus.io/docs/prometheus/latest/configuration/configuration/#scrape_config
 */
import { stringify } from 'yaml';

export interface ScrapeConfigOptions {
  readonly bindingId: string;
  readonly baseUrl: string;
  readonly token: string;
}

/**
 * @returns YAML: a list with one job, to paste below `scrape_configs:`. All texts are quoted, since
 *   Go's YAML parser takes more unquoted texts for numbers and dates than this printer expects
 */
export function scrapeConfig({ bindingId, baseUrl, token }: ScrapeConfigOptions): string {
  // The type must be given: Prometheus 2.42 has no default for it in a discovery.
  const authorization = { type: 'Bearer', credentials: token };
  const job = {
    job_name: `promgate-${encodeURIComponent(bindingId)}`,
    honor_labels: true, // keeps the labels of the samples
    authorization,
    http_sd_configs: [{ url: `${baseUrl}/sd/apps`, authorization }],
  };
  return stringify([job], {
    aliasDuplicateObjects: false,
    defaultKeyType: 'PLAIN',
    defaultStringType: 'QUOTE_DOUBLE',
    lineWidth: 0,
  });
}
