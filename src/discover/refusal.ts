/**
 * Why a piece of what a source told was left out of the route table.
 *
 * One refused piece never costs another its place.
 */

/** The words are closed and stable: a log field, fit for a metric label. */
export type RefusedPiece =
  /** Not JSON. */
  | 'json'
  /** JSON of another shape than gorouter's. */
  | 'shape'
  /** Not `host:port` with an IPv4 address, an IPv6 address in brackets, or a host name. */
  | 'address'
  /** Not `host` or `host/path`. */
  | 'route'
  /** A message, or the strings of one endpoint, above the bound. */
  | 'too-long'
  /** More routes in a message, tags of an endpoint, or endpoints in all, than the bound. */
  | 'too-many'
  /** A plain endpoint where TLS is required. */
  | 'not-tls';

/** Is told how many pieces were refused, and why. */
export type OnRefused = (reason: RefusedPiece, count: number) => void;
