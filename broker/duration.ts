/** Durations as parameters write them: `500ms`, `15s`, `10m`, `1h`. */

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** What the catalog's schema allows. */
export const DURATION = /^(\d{1,6})(ms|s|m|h)$/;

/** @returns undefined for anything else */
export function parseDurationMs(text: string): number | undefined {
  const [, count, unit = ''] = DURATION.exec(text) ?? [];
  const unitMs = UNITS_MS[unit];
  return unitMs === undefined ? undefined : Number(count) * unitMs;
}
