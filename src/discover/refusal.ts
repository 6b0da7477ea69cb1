/**
 * Why a route, an endpoint or a message of a source does not enter the route table.
 *
 * A refused piece never keeps another piece out.
 */

/** A closed, stable set of words, which serve as a log field and a metric label. */
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
  /** A message has too many routes, an endpoint too many tags, or the table too many endpoints. */
  | 'too-many'
  /** A plain endpoint where TLS is required. */
  | 'not-tls';

/** Called with the number of refused pieces and the reason. */
export type OnRefused = (reason: RefusedPiece, count: number) => void;
