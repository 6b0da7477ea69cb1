/**
 * The headers that promgate alone sets in requests to apps: neither readers nor bindings may set
 * them.
 */

/**
 * In lower case: hop-by-hop headers (RFC 9110, 7.6.1), headers that decide the encoding of the
 * answer, and headers that name the client.
 */
export const OWN_HEADERS = [
  'connection',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'host',
  'accept-encoding',
  'range',
  'x-promfetcher-scrapping',
  'x-prometheus-scrape-timeout-seconds',
  'x-promgate-via',
];

export const OWN_HEADER_PREFIXES = ['content-', 'if-', 'proxy-'];
