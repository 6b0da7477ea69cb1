/**
 * `POST /-/purge`: drops kept answers by key, app or tag, or all of them.
 */
import type { Purge } from '../refresh/purge.ts';
import { Problem } from './errors.ts';
import type { Handler } from './request.ts';

const KINDS = ['key', 'app', 'tag'] as const;
const USAGE =
  'name what to purge by one parameter: ?key=<path or endpoint>, ?app=<guid>, ?tag=<tag> or ?all';

export interface Purged {
  /** How many answers are gone in this replica. */
  readonly purged: number;
  /**
   * Whether the other replicas are told now, or once Redis is back; undefined if there are none to
   * tell.
   */
  readonly redis?: 'ready' | 'away' | undefined;
}

/** @param drop - drops the answers here, and tells the other replicas without waiting for them */
export function purgeAnswers(drop: (what: Purge) => Purged): Handler {
  return (ctx) => {
    const purged = drop(readPurge(ctx.state.target.query));
    ctx.type = 'application/json';
    ctx.body = Buffer.from(`${JSON.stringify(purged)}\n`);
  };
}

/** @throws {Problem} `bad-request` for anything but exactly one parameter */
function readPurge(query: string): Purge {
  const [given, ...others] = new URLSearchParams(query);
  if (!given || others.length > 0) throw new Problem('bad-request', USAGE);
  const [name, value] = given;
  if (name === 'all' && value === '') return { kind: 'all' };
  const kind = KINDS.find((one) => one === name);
  if (kind === undefined || value === '') throw new Problem('bad-request', USAGE);
  return { kind, value: kind === 'app' ? value.toLowerCase() : value };
}
