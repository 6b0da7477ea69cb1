/**
 * Reads the query of `/metrics?endpoint=URL&…`: the endpoint, and the query that is passed on to it.
 */
import { EndpointRefusedError } from '../fetch/endpoint-failure.ts';
import { type EndpointUrl, readEndpointUrl } from '../fetch/endpoint-url.ts';

const NAME = 'endpoint';

/** Whether the query names an endpoint, however its name is escaped. */
export function namesEndpoint(query: string): boolean {
  return query.split('&').some(isEndpoint);
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

function isEndpoint(pair: string): boolean {
  const equals = pair.indexOf('=');
  const name = equals < 0 ? pair : pair.slice(0, equals);
  return name.length <= NAME.length * 3 && decoded(name) === NAME;
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
