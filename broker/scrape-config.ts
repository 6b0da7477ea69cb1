/**
 * What a Prometheus must be told to read the metrics that a binding opens.
 *
 * The targets come from promgate's own discovery, with scheme, path and labels; the token filters
 * them.
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
 * @returns YAML: a list with one job, to be pasted below `scrape_configs:`. Texts are quoted, as the
 *   YAML of Go takes more of them for numbers and dates than ours does
 */
export function scrapeConfig({ bindingId, baseUrl, token }: ScrapeConfigOptions): string {
  // The type has to be said: Prometheus 2.42 knows no default in a discovery.
  const authorization = { type: 'Bearer', credentials: token };
  const job = {
    job_name: `promgate-${encodeURIComponent(bindingId)}`,
    honor_labels: true, // the labels of the instances, not those of promgate
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
