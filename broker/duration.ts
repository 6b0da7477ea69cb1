/** Durations as app developers write them: `15s`, `1.5s`, `1m30s`, `500ms`. */

const DURATION = /^(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?$/;

/**
 * @param text - a duration that the schema of the parameters allows
 * @returns whole milliseconds
 * @throws {RangeError} for any other text
 */
export function readDurationMs(text: string): number {
  const parts = text === '' ? null : DURATION.exec(text);
  if (!parts) throw new RangeError(`${JSON.stringify(text)} is not a duration`);
  const [hours = 0, minutes = 0, seconds = 0, ms = 0] = parts
    .slice(1)
    .map((part) => Number(part ?? 0));
  return Math.round(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms);
}
