/**
 * The headers by which a platform names its user and its request.
 *
 * Only logs, and the answer's request identity, use them. A malformed header fails no request, and
 * only printable ASCII passes, so no value can break a line or a header.
 *
 * @see https://github.com/openservicebrokerapi/servicebroker/blob/v2.17/spec.md#originating-identity
 */
import { isObject } from './json.ts';

const PRINTABLE = /^[\x20-\x7e]{1,256}$/;

/** @param header - `X-Broker-API-Originating-Identity`: `cloudfoundry <base64 of JSON>` */
export function readUserId(header: string): string | undefined {
  const encoded = /^\S{1,64} +([A-Za-z0-9+/_=-]{1,8192})$/.exec(header.trim())?.[1];
  if (encoded === undefined) return undefined;
  try {
    const identity: unknown = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8'));
    if (!isObject(identity)) return undefined;
    return printable(identity['user_id']) ?? printable(identity['username']); // Cloud Foundry's, Kubernetes'
  } catch {
    return undefined; // not JSON: the request is answered without a user in its log line
  }
}

/** @param header - `X-Broker-API-Request-Identity` */
export function readRequestIdentity(header: string): string | undefined {
  return printable(header);
}

function printable(value: unknown): string | undefined {
  return typeof value === 'string' && PRINTABLE.test(value) ? value : undefined;
}
