/**
 * Reads the query of `/metrics?endpoint=URL&…`: the endpoint, and the query that is passed on to it.
 */
import { EndpointRefusedError } from '../fetch/endpoint-failure.ts';
import { type EndpointUrl, readEndpointUrl } from '../fetch/endpoint-url.ts';

const NAME = 'endpoint';

/** The longest way to write the name, with all its characters escaped, and a few more. */
const MAX_NAME_LENGTH = 100;

/** Whether the query names an endpoint, however its name is escaped, or tries to as a list. */
export function namesEndpoint(query: string): boolean {
  return query.split('&').some((pair) => /^endpoint(?:\[.*)?$/.test(nameOf(pair)));
}

/**
 * @param query - as sent; all other parameters stay as they are, in their order
 * @throws {EndpointRefusedError}
 */
export function readEndpointQuery(query: string): EndpointUrl {
  const pairs = query.split('&');
  const named = pairs.filter(isEndpoint);
  const [first, second] = named;
  if (first === undefined) throw bad('the parameter endpoint is missing');
  if (second !== undefined) {
    throw bad('the parameter endpoint occurs twice: a parameter of that name cannot be passed on');
  }
  const text = decoded(first.slice(first.indexOf('=') + 1));
  if (!first.includes('=') || text === undefined) throw bad('the parameter endpoint has no value');
  return readEndpointUrl(text, pairs.filter((pair) => !isEndpoint(pair)).join('&'));
}

/** The endpoint as the reader named it; for queries that `readEndpointQuery` has read. */
export function endpointName(query: string): string {
  const pair = query.split('&').find(isEndpoint) ?? '';
  return decoded(pair.slice(pair.indexOf('=') + 1)) ?? '';
}

function isEndpoint(pair: string): boolean {
  return nameOf(pair) === NAME;
}

/** @returns '' for a name that is too long to be of interest */
function nameOf(pair: string): string {
  const equals = pair.indexOf('=');
  const name = equals < 0 ? pair : pair.slice(0, equals);
  return name.length <= MAX_NAME_LENGTH ? (decoded(name) ?? '') : '';
}

/** @returns undefined for broken escapes */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

function bad(why: string): EndpointRefusedError {
  return new EndpointRefusedError('bad_url', why);
}
