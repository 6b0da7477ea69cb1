/**
 * Limits of tests that start servers and programs, or work for seconds.
 *
 * `.mocharc.json` has the limit of all others. Neither expects speed: they end what would never end,
 * and a busy machine may take ten times as long as an idle one.
 */

/** Idle: up to 15 s. */
export const SLOW_MS = 180_000;
