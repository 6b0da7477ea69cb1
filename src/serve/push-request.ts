/**
 * What a push says before its body: by path, method and headers.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Push, PushMode, Tenancy } from '../push/push.ts';
import { PushRefusal } from '../push/refusal.ts';
import type { PushInterface } from './push-answers.ts';
import { MODE_HEADERS, readPushHeaders } from './push-headers.ts';
import { groupingKey, type NameOptions, type PushPath, pathLabels } from './push-path.ts';

/** What the configuration says of a tenant's pushes. */
export interface PushSettings {
  /** What a push to `/metrics/job/…` does without `X-Push-Mode`. */
  readonly jobMode: PushMode;
  readonly maxBodyBytes: number;
  readonly maxDecompressedBytes: number;
  /** `push.limits.series` */
  readonly series: number;
  readonly pushesPerSecond: number;
}

/** A push without its body. */
export interface PushIntent
  extends Pick<Push, 'tenant' | 'forced' | 'rules' | 'replaces' | 'path'> {
  readonly of: PushInterface;
  readonly contentType: string;
  /** All that decides what the push does, beside its body. */
  readonly text: string;
}

/** Whose form the answers of a push have. @param mode - of a push to a path with `job` */
export function interfaceOf(
  { kind }: PushPath,
  method: string,
  mode: PushMode | undefined,
): PushInterface {
  if (kind === 'group') return mode === 'replace' ? 'group' : 'aggregation';
  return kind === 'page' && method === 'POST' ? 'counter' : 'aggregation';
}

export interface IntentOptions extends NameOptions {
  readonly tenancy: Tenancy;
  readonly settings: PushSettings;
}

/** @throws {PushRefusal} `bad_path`, `bad_header` */
export function readIntent(
  { method = '', headers }: Pick<IncomingMessage, 'method' | 'headers'>,
  path: PushPath,
  { tenancy, settings, utf8Names }: IntentOptions,
): PushIntent {
  const { mode: asked, ...rules } = readPushHeaders(headers);
  const isGroup = path.kind === 'group';
  if (asked === 'replace' && !isGroup) {
    const what = 'X-Push-Mode: replace needs a path that begins with /metrics/job/';
    throw new PushRefusal('bad_header', what);
  }
  const mode = isGroup ? (asked ?? settings.jobMode) : 'aggregate';
  const contentType = headers['content-type'] ?? '';
  return {
    ...tenancy,
    rules: { mode, ...rules },
    replaces: method === 'PUT' ? 'group' : 'families',
    path: mode === 'replace' ? groupingKey(path, { utf8Names }) : pathLabels(path, { utf8Names }),
    of: interfaceOf(path, method, mode),
    contentType,
    text: JSON.stringify([
      ...[tenancy.tenant, method, path.segments, mode, contentType],
      ...MODE_HEADERS.map((name) => headers[name] ?? null),
    ]),
  };
}

/** The hash by which a push is known again that is sent with its `Idempotency-Key`. */
export function pushHash({ text }: Pick<PushIntent, 'text'>, body: Buffer): string {
  return createHash('sha256').update(text).update('\n').update(body).digest('base64url');
}
