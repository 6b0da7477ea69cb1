/**
 * Registrations of the metric registrar: user-provided services with a special drain URL.
 *
 * | URL | meaning |
 * |---|---|
 * | `metrics-endpoint:///path` | the path, by any route of the app |
 * | `metrics-endpoint://host[:port]/path` | the path, by this route; a scheme may stand before the host |
 * | `secure-endpoint://:port/path` | the path at this container port, over TLS |
 *
 * Registrations of log formats (`structured-format://…`) name no endpoint.
 */
import type { DeclaredEndpoint } from '../target.ts';
import { containerPort, metricsPath } from './annotations.ts';

const PLAIN = /^metrics-endpoint:\/\/(?:https?:\/\/)?([^/?#@\s]*)(\/.*)?$/i;
const SECURE = /^secure-endpoint:\/\/:(\d{1,5})(\/.*)?$/i;
const HOST = /^(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}(?::\d{1,5})?$/;
const MAX_LENGTH = 4096;

/** @returns undefined if the URL registers no endpoint that promgate can ask */
export function readDrainUrl(url: string): DeclaredEndpoint | undefined {
  if (url.length > MAX_LENGTH) return undefined;
  const secure = SECURE.exec(url);
  if (secure) {
    const [port, path] = [containerPort(secure[1]), metricsPath(secure[2] ?? '/')];
    if (port === undefined || path === undefined) return undefined;
    return { from: 'registrar', scheme: 'https', path, port, host: '' };
  }
  const plain = PLAIN.exec(url);
  const host = plain?.[1]?.toLowerCase() ?? '';
  const path = metricsPath(plain?.[2] ?? '/');
  if (!plain || path === undefined || (host !== '' && !HOST.test(host))) return undefined;
  return { from: 'registrar', scheme: undefined, path, port: undefined, host };
}
