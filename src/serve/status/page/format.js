/** Numbers and times as people read them. */

const WHOLE = new Intl.NumberFormat('en');

/** @param {number} value */
export function count(value) {
  return WHOLE.format(Math.round(value));
}

/** @param {number} value */
export function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let left = value;
  let unit = 0;
  while (left >= 1024 && unit < units.length - 1) {
    left /= 1024;
    unit += 1;
  }
  return `${unit === 0 || left >= 100 ? Math.round(left) : left.toFixed(1)} ${units[unit]}`;
}

/** @param {number} value */
export function seconds(value) {
  if (value === 0) return '0 s';
  if (value < 0.0995) return `${(value * 1000).toFixed(value < 0.00995 ? 1 : 0)} ms`;
  if (value < 0.9995) return `${Math.round(value * 1000)} ms`;
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} s`;
}

/** @param {number | null | undefined} value seconds */
export function ago(value) {
  if (value === null || value === undefined) return 'not asked yet';
  if (value < 2) return 'just now';
  if (value < 60) return `${Math.round(value)} s ago`;
  if (value < 3600) return `${Math.round(value / 60)} min ago`;
  return `${Math.round(value / 3600)} h ago`;
}

/**
 * @param {number} value
 * @param {string} one
 * @param {string} [many]
 */
export function plural(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}
