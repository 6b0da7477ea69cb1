/**
 * Routes, `host` or `host/path`: their keys in the table, and which key matches a reader's route.
 *
 * The rules are gorouter's (route/uris.go, registry/container/trie.go): keys are lower case, the
 * longest registered path wins, and a wildcard stands for any number of leading labels.
 */

/** CF allows 253 characters of host and 128 of path. */
const MAX_LENGTH = 1024;
const MAX_HOST_LENGTH = 253;

/** Visible ASCII, except characters that would end or change a host in a URL or `Host` header. */
const HOST = /^[!$&'()*+,.0-9:;=_a-z~[\]-]+$/;
/** No blanks, and no control characters of ASCII or Latin-1. */
const PATH = /^[^\u0000-\u0020\u007f-\u00a0\u2028\u2029]*$/;

/**
 * The key of a route in the table: lower case, without `?…` and without a `/` at either end.
 *
 * @param uri - as a source or a reader writes it, without a scheme
 * @returns undefined when `uri` names no host, is too long or holds blanks or control characters
 */
export function routeKey(uri: string): string | undefined {
  if (uri.length > MAX_LENGTH) return undefined;
  const query = uri.indexOf('?');
  const key = (query < 0 ? uri : uri.slice(0, query)).toLowerCase().replace(/^\/|\/+$/g, '');
  const { host, path } = splitRoute(key);
  if (host.length > MAX_HOST_LENGTH || !HOST.test(host) || !PATH.test(path)) return undefined;
  return key;
}

/** Splits a key before its first `/`; the path is '' when there is none. */
export function splitRoute(key: string): { host: string; path: string } {
  const slash = key.indexOf('/');
  if (slash < 0) return { host: key, path: '' };
  return { host: key.slice(0, slash), path: key.slice(slash) };
}

/** Which keys the table has. */
export interface RouteKeys {
  hasHost(host: string): boolean;
  hasRoute(key: string): boolean;
}

/**
 * Finds the key that serves a route: a key of the host itself, else of the nearest wildcard, with
 * the longest path that matches.
 *
 * @param asked - as `routeKey` gives it; a host with a port is tried with the port, then without
 * @returns the key, and the host to send in a request
 */
export function matchRoute(
  asked: string,
  keys: RouteKeys,
): { readonly key: string; readonly host: string } | undefined {
  const { host, path } = splitRoute(asked);
  const bareHost = host.replace(/:\d+$/, '');
  for (const candidate of new Set([host, bareHost, ...wildcards(bareHost)])) {
    const key = keys.hasHost(candidate) ? longestPath(candidate, path, keys) : undefined;
    if (key !== undefined) return { key, host: candidate === host ? host : bareHost };
  }
  return undefined;
}

function longestPath(host: string, path: string, keys: RouteKeys): string | undefined {
  for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
    if (keys.hasRoute(host + path.slice(0, end))) return host + path.slice(0, end);
  }
  return keys.hasRoute(host) ? host : undefined;
}

/** Yields `*.b.c` and `*.c` for `a.b.c`. */
function* wildcards(host: string): Generator<string> {
  let rest = host.startsWith('*.') ? host.slice(2) : host;
  for (let dot = rest.indexOf('.'); dot >= 0; dot = rest.indexOf('.')) {
    rest = rest.slice(dot + 1);
    yield `*.${rest}`;
  }
}
