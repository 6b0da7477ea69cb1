/**
 * Why a piece of what a source told was left out of the route table.
 *
 * The words are closed and stable: a metric label and a log field. One refused piece never costs
 * another its place.
 */
export const REFUSALS = [
  /** Not JSON. */
  'json',
  /** JSON of another shape than gorouter's. */
  'shape',
  /** Not `host:port` with an IPv4 address, an IPv6 address in brackets, or a host name. */
  'address',
  /** Not `host` or `host/path`. */
  'route',
  /** A message, or the strings of one endpoint, above the bound. */
  'too-long',
  /** More routes in a message, or endpoints in all, than the bound. */
  'too-many',
  /** A plain endpoint where TLS is required. */
  'not-tls',
] as const;

export type Refusal = (typeof REFUSALS)[number];

/** Is told how many pieces were refused, and why. */
export type OnRefused = (reason: Refusal, count: number) => void;
