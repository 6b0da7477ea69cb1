/** Durations as people write them: `15s`, `1.5s`, `1h30m`, `500ms`, `2d`. */

/** From large to small: the order of the parts of a duration. */
const DURATION_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;

const DURATION =
  /^(?:(?<d>\d+)d)?(?:(?<h>\d+)h)?(?:(?<m>\d+)m(?!s))?(?:(?<s>\d+(?:\.\d{1,3})?)s)?(?:(?<ms>\d+)ms)?$/;

/** Reads `500ms`, `15s`, `1.5s`, `1h30m`, `2d`; returns undefined for any other text. */
export function parseDurationMs(text: string): number | undefined {
  const parts = text.length <= 32 && text !== '' ? DURATION.exec(text)?.groups : undefined;
  if (!parts) return undefined;
  let ms = 0;
  for (const [unit, unitMs] of Object.entries(DURATION_MS)) ms += Number(parts[unit] ?? 0) * unitMs;
  return Number.isSafeInteger(Math.round(ms)) ? Math.round(ms) : undefined;
}

/** Prints a text that `parseDurationMs` reads back: `1m30s` for 90000. */
export function printDuration(ms: number): string {
  let rest = ms;
  let text = '';
  for (const [unit, unitMs] of Object.entries(DURATION_MS)) {
    const count = Math.floor(rest / unitMs);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * unitMs;
  }
  return text === '' ? '0s' : text;
}
