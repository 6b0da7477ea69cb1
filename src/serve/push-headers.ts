/**
 * The headers by which a client says how its push is put together with others.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { parseDurationMs } from '../../broker/duration.ts';
import type { PushMode, PushRules, Temporality } from '../push/push.ts';
import { GAUGE_MODES } from '../push/pushed-page.ts';
import { PushRefusal } from '../push/refusal.ts';

export interface PushHeaders extends Omit<PushRules, 'mode'> {
  /** From `X-Push-Mode`; undefined: as the path and the configuration say. */
  readonly mode: PushMode | undefined;
}

export const KEY_HEADER = 'idempotency-key';

/** The headers that say what a push does, in lower case. */
export const MODE_HEADERS = [
  'x-push-mode',
  'x-push-source',
  'x-push-temporality',
  'x-gauge-mode',
  'x-push-ttl',
] as const;

const MODES: readonly PushMode[] = ['aggregate', 'replace'];
const TEMPORALITIES: readonly Temporality[] = ['delta', 'cumulative'];
/** Bound on the name of a source and on an idempotency key. */
const MAX_LENGTH = 256;
/** Bound on `X-Push-TTL`: a year. */
const MAX_TTL_MS = 365 * 86_400_000;

/** @throws {PushRefusal} `bad_header` */
export function readPushHeaders(headers: IncomingHttpHeaders): PushHeaders {
  const source = readText(headers, 'X-Push-Source') ?? '';
  const temporality = readChoice(headers, 'X-Push-Temporality', TEMPORALITIES);
  if (temporality === 'cumulative' && source === '') {
    throw refuse('X-Push-Temporality: cumulative needs X-Push-Source, which names the client');
  }
  return {
    ...{ source, temporality, ttlMs: readTtl(headers) },
    mode: readChoice(headers, 'X-Push-Mode', MODES),
    gaugeMode: readChoice(headers, 'X-Gauge-Mode', GAUGE_MODES),
  };
}

/**
 * @returns undefined if the client sends no `Idempotency-Key`
 * @throws {PushRefusal} `bad_header`
 */
export function readKey(headers: IncomingHttpHeaders): string | undefined {
  return readText(headers, 'Idempotency-Key');
}

function readText(headers: IncomingHttpHeaders, name: string): string | undefined {
  const text = textOf(headers, name);
  if (text === undefined) return undefined;
  if (text.length <= MAX_LENGTH && /^[\x21-\x7e]+$/.test(text)) return text;
  throw refuse(`${name} must be 1 to ${MAX_LENGTH} visible ASCII characters without blanks`);
}

function readChoice<T extends string>(
  headers: IncomingHttpHeaders,
  name: string,
  choices: readonly T[],
): T | undefined {
  const text = textOf(headers, name)?.toLowerCase();
  if (text === undefined) return undefined;
  const choice = choices.find((one) => one === text);
  if (choice !== undefined) return choice;
  throw refuse(`${name} must be one of ${choices.join(', ')}`);
}

function readTtl(headers: IncomingHttpHeaders): number | undefined {
  const text = textOf(headers, 'X-Push-TTL');
  if (text === undefined) return undefined;
  const ttlMs = parseDurationMs(text);
  if (ttlMs !== undefined && ttlMs <= MAX_TTL_MS) return ttlMs;
  throw refuse('X-Push-TTL must be a time such as 30m, 1h or 2d, at most 365d; 0s means no end');
}

/** Node joins a header that occurs several times with commas, so that no choice fits. */
function textOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return typeof value === 'string' ? value.trim() : undefined;
}

function refuse(message: string): PushRefusal {
  return new PushRefusal('bad_header', message);
}
