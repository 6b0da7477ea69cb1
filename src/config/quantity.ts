/**
 * Durations and sizes as people write them: `15s`, `1h30m`, `16MiB`.
 *
 * The sections of the schema say which amounts a key allows.
 */

/** From large to small: the order of the parts of a duration. */
const DURATION_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;

const DURATION =
  /^(?:(?<d>\d+)d)?(?:(?<h>\d+)h)?(?:(?<m>\d+)m(?!s))?(?:(?<s>\d+(?:\.\d{1,3})?)s)?(?:(?<ms>\d+)ms)?$/;

const SIZE_BYTES = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
} as const;

const SIZE = /^(?<amount>\d+(?:\.\d{1,3})?)(?<unit>[KMGT]i?B|B)$/;

/** Reads `500ms`, `15s`, `1.5s`, `1h30m`, `2d`; returns undefined for any other text. */
export function parseDurationMs(text: string): number | undefined {
  const parts = text.length <= 32 && text !== '' ? DURATION.exec(text)?.groups : undefined;
  if (!parts) return undefined;
  let ms = 0;
  for (const [unit, unitMs] of Object.entries(DURATION_MS)) ms += Number(parts[unit] ?? 0) * unitMs;
  return Number.isSafeInteger(Math.round(ms)) ? Math.round(ms) : undefined;
}

/** Reads `512B`, `64KB` (1000s), `16MiB` (1024s); returns undefined for any other text. */
export function parseSizeBytes(text: string): number | undefined {
  const parts = text.length <= 32 ? SIZE.exec(text)?.groups : undefined;
  const unitBytes = Object.entries(SIZE_BYTES).find(([unit]) => unit === parts?.['unit'])?.[1];
  if (!parts || unitBytes === undefined) return undefined;
  const bytes = Math.round(Number(parts['amount']) * unitBytes);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
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

/** Prints a text that `parseSizeBytes` reads back, in the largest unit that divides `bytes`. */
export function printSize(bytes: number): string {
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB'] as const) {
    if (bytes > 0 && bytes % SIZE_BYTES[unit] === 0) return `${bytes / SIZE_BYTES[unit]}${unit}`;
  }
  return `${bytes}B`;
}
