/**
 * The annotations of an app that say whether and where Prometheus scrapes it.
 */
import { isObject } from '../../../broker/json.ts';
import type { DeclaredEndpoint } from '../target.ts';

export interface Annotations {
  /** `prometheus.io/scrape`: undefined if it is absent or neither `true` nor `false`. */
  readonly scrape: boolean | undefined;
  /** `prometheus.io/path` and `/port`; undefined if both are absent or malformed. */
  readonly endpoint: DeclaredEndpoint | undefined;
}

const NONE: Annotations = { scrape: undefined, endpoint: undefined };
const PREFIX = 'prometheus.io/';
const DEFAULT_PATH = '/metrics';

export function readAnnotations(json: unknown): Annotations {
  if (!isObject(json)) return NONE;
  const [scrape, path, port] = ['scrape', 'path', 'port'].map((name) => json[PREFIX + name]);
  if (scrape === undefined && path === undefined && port === undefined) return NONE;
  const [ownPath, ownPort] = [metricsPath(path), containerPort(port)];
  const declares = ownPath !== undefined || ownPort !== undefined;
  return {
    scrape: scrape === 'true' ? true : scrape === 'false' ? false : undefined,
    endpoint: declares
      ? {
          ...{ from: 'annotation', scheme: undefined, host: '' },
          ...{ path: ownPath ?? DEFAULT_PATH, port: ownPort },
        }
      : undefined,
  };
}

/**
 * A path that can follow a host in a request: it begins with one slash, so that no reader of a URL
 * takes its first segment for a host, and it has no fragment, backslash or blank.
 */
export function metricsPath(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > 1024) return undefined;
  return /^\/(?!\/)[!"$-[\]-~]*$/.test(value) ? value : undefined;
}

/** A port as text, from 1 to 65535. */
export function containerPort(value: unknown): number | undefined {
  if (typeof value !== 'string' || !/^[1-9]\d{0,4}$/.test(value)) return undefined;
  const port = Number(value);
  return port <= 65_535 ? port : undefined;
}
