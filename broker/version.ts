/**
 * The version of the Open Service Broker API that a platform speaks.
 *
 * @see https://github.com/openservicebrokerapi/servicebroker/blob/v2.17/spec.md#api-version-header
 */
import { Refusal } from './refusal.ts';

/**
 * @param header - `X-Broker-API-Version`; '' if the request has none
 * @returns the minor version: 15 for `2.15`
 * @throws {Refusal} `version` for anything but `2.<number>`
 */
export function readMinorVersion(header: string): number {
  const minor = /^2\.(\d{1,4})$/.exec(header.trim())?.[1];
  if (minor !== undefined) return Number(minor);
  const description =
    header === ''
      ? 'the header X-Broker-API-Version is missing; this broker speaks 2.13 to 2.17'
      : 'X-Broker-API-Version must be 2.13 to 2.17, or another 2.x';
  throw new Refusal('version', description);
}
