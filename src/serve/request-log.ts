/**
 * Describes each request when it has ended, for the log and the metrics.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Level, LogFields } from '../telemetry/log.ts';
import { redactQuery, redactTokens } from '../telemetry/redact.ts';
import { wasCutOff } from './cut-off.ts';
import type { Handler } from './request.ts';

export interface RequestRecord {
  /** When the request began, in milliseconds since 1970. */
  readonly atMs: number;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly handler: string;
  readonly status: number;
  readonly durationMs: number;
  /** Bytes sent on the connection since the request began, headers included. */
  readonly bytes: number;
  /** The reader left before the end of the answer. */
  readonly left: boolean;
  /** promgate ended the connection before the end of the answer. */
  readonly cutOff: boolean;
  readonly instances?: { readonly ok: number; readonly failed: number } | undefined;
}

export interface RequestObservers {
  readonly onBegin?: () => void;
  readonly onEnd: (record: RequestRecord) => void;
}

/** The log shows only this many characters of a path or query. */
const MAX_LENGTH = 1024;

/** Observes the begin of every request, and its end, when the answer closes. */
export function observeRequests(observers: RequestObservers): Handler {
  return ({ req, res, state }, next) => {
    observeRequest(req, res, observers, () => ({
      ...state.target,
      ...{ handler: state.handler, instances: state.instances },
    }));
    return next();
  };
}

/** @param describe - called when the answer closes */
export function observeRequest(
  { method = '', socket }: IncomingMessage,
  res: ServerResponse,
  { onBegin, onEnd }: RequestObservers,
  describe: () => Pick<RequestRecord, 'path' | 'query' | 'handler' | 'instances'>,
  ended?: (record: RequestRecord) => void,
): void {
  const atMs = Date.now();
  const beganMs = performance.now();
  const beganBytes = socket.bytesWritten;
  onBegin?.();
  res.once('close', () => {
    const { path, query, handler, instances } = describe();
    const record: RequestRecord = {
      atMs,
      method,
      path,
      query,
      handler,
      instances,
      status: res.statusCode,
      durationMs: performance.now() - beganMs,
      bytes: socket.bytesWritten - beganBytes,
      left: !res.writableFinished && !wasCutOff(socket),
      cutOff: !res.writableFinished && wasCutOff(socket),
    };
    onEnd(record);
    ended?.(record);
  });
}

/** Load balancers call these handlers all the time, so their requests are logged at `debug`. */
const QUIET: ReadonlySet<string> = new Set(['healthz', 'readyz']);
/**
 * Clients push thousands of times per second, and a line would take a fifth of the time of a push: pushes
 * that promgate has taken are logged at `debug`.
 */
const NUMEROUS: ReadonlySet<string> = new Set(['push', 'push-count']);

export function requestLevel({ handler, status }: RequestRecord): Level {
  if (QUIET.has(handler)) return 'debug';
  if (NUMEROUS.has(handler) && status < 300) return 'debug';
  if (handler === 'broker' && status === 401) return 'debug'; // `broker-log.ts` logs these
  return status >= 500 && status !== 503 ? 'warn' : 'info';
}

/** The fields of a log line. Secrets in the query, and tokens anywhere, are masked. */
export function requestFields(record: RequestRecord): LogFields {
  const { method, path, query, status, durationMs, bytes, left, cutOff, instances } = record;
  return {
    method: method.slice(0, 20),
    path: redactTokens(path).slice(0, MAX_LENGTH),
    ...(query === '' ? {} : { query: redactQuery(query).slice(0, MAX_LENGTH) }),
    status,
    ms: Math.round(durationMs * 10) / 10,
    bytes,
    ...(left ? { left } : {}),
    ...(cutOff ? { cut_off: true } : {}),
    ...(instances ? { instances_ok: instances.ok, instances_failed: instances.failed } : {}),
  };
}
