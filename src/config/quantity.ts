/**
 * Sizes as people write them: `64KB`, `16MiB`. Durations are in `broker/duration.ts`.
 *
 * The sections of the schema say which amounts a key allows.
 */

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

/** Reads `512B`, `64KB` (1000s), `16MiB` (1024s); returns undefined for any other text. */
export function parseSizeBytes(text: string): number | undefined {
  const parts = text.length <= 32 ? SIZE.exec(text)?.groups : undefined;
  const unitBytes = Object.entries(SIZE_BYTES).find(([unit]) => unit === parts?.['unit'])?.[1];
  if (!parts || unitBytes === undefined) return undefined;
  const bytes = Math.round(Number(parts['amount']) * unitBytes);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Prints a text that `parseSizeBytes` reads back, in the largest unit that divides `bytes`. */
export function printSize(bytes: number): string {
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB'] as const) {
    if (bytes > 0 && bytes % SIZE_BYTES[unit] === 0) return `${bytes / SIZE_BYTES[unit]}${unit}`;
  }
  return `${bytes}B`;
}
