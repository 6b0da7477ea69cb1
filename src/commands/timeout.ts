/**
 * The value of `--timeout`.
 */
import { parseDurationMs } from '../../broker/duration.ts';

/** From 100 ms to 1 h. */
export function readTimeoutMs(text: unknown): number | undefined {
  const ms = typeof text === 'string' ? parseDurationMs(text) : undefined;
  return ms !== undefined && ms >= 100 && ms <= 3_600_000 ? ms : undefined;
}
