/**
 * The keys of Promxy that promgate does not use, and why. Keys of groups stand here without the list.
 */

const NO_RULES = 'this version evaluates no rules: leave them to the Prometheus servers';
const NOT_READ = 'Promxy does not use it either';
const RAW = 'samples are read raw and evaluated here, histograms included';

/** Keys without which answers are the same, or that ask for less than promgate does anyway. */
export const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  'global.evaluation_interval': NO_RULES,
  'global.query_log_file': 'set query.slow_query and log.level in promgate.yml',
  'global.scrape_interval': NOT_READ,
  'global.scrape_timeout': NOT_READ,
  'global.scrape_protocols': NOT_READ,
  rule_files: NO_RULES,
  alerting: NO_RULES,
  remote_write: NO_RULES,
  remote_read: NOT_READ,
  scrape_configs: NOT_READ,
  scrape_config_files: NOT_READ,
  storage: NOT_READ,
  tracing: NOT_READ,
  tls_server_config: 'set listen.tls in promgate.yml',
  'promxy.alert_templates': NO_RULES,
  native_histogram: RAW,
  'native_histogram.metadata_refresh': RAW,
  'native_histogram.allow_lossy': RAW,
  align_query_range_with_step: 'samples are read raw, so no server moves them to its steps',
  max_idle_conns: 'max_idle_conns_per_host bounds the connections of each server',
  'label_filter.sync_lookback': 'the servers are asked for the values of all time',
  'http_client.enable_http2': 'servers are asked by HTTP/1.1',
  'http_client.enable_http_2': 'servers are asked by HTTP/1.1',
  'http_client.dial_network': 'both families of addresses are tried',
  'http_client.fallback_delay': 'both families of addresses are tried',
};

/** Keys without which servers would refuse promgate, or be asked another way. */
export const NOT_SUPPORTED: Readonly<Record<string, string>> = {
  'http_client.sigv4': 'promgate does not sign requests for AWS: put a signing proxy in front',
  'http_client.proxy_from_environment': 'write proxy_url and no_proxy',
  'http_client.http_headers': 'write http_headers of the group',
  'http_client.google_iam': 'use oauth2, or bearer_token_file',
  'http_client.azuread': 'use oauth2',
};
