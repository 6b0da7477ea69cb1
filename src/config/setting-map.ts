/**
 * Blocks of the schema for settings that Prometheus has too: free names with a text each, durations in Go's
 * form, instants.
 */
import { parseGoDurationMs } from './go-duration.ts';
import { isMapping, leaf } from './setting.ts';

const MAX_ENTRIES = 1_000;
const MAX_LENGTH = 4_096;

/** Free names, each with one text; numbers and switches are taken as they are written. */
export function texts(description: string, { secret = false }: { readonly secret?: boolean } = {}) {
  return leaf<Readonly<Record<string, string>>>(description, {
    allowed: 'a mapping of names to texts',
    secret,
    read: (value) => {
      if (!isMapping(value)) return undefined;
      const entries = Object.entries(value);
      const scalars = entries.filter(([, one]) => isScalar(one));
      if (scalars.length < entries.length || entries.length > MAX_ENTRIES) return undefined;
      const read = scalars.map(([name, one]) => [name, String(one)] as const);
      return read.every(([, one]) => one.length <= MAX_LENGTH)
        ? Object.fromEntries(read)
        : undefined;
    },
  });
}

function isScalar(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}

/** A text of any kind, or a number, which is taken as it is written. */
export function anyText(
  description: string,
  { secret = false }: { readonly secret?: boolean } = {},
) {
  return leaf<string>(description, {
    ...{ allowed: 'a text', secret },
    read: (value) =>
      isScalar(value) && String(value).length <= 65_536 ? String(value) : undefined,
  });
}

/** A duration in Go's form; the output is in milliseconds. */
export function goDuration(
  description: string,
  { minMs = 0, maxMs = Number.MAX_SAFE_INTEGER }: { minMs?: number; maxMs?: number } = {},
) {
  const sign = minMs < 0 ? ' or -3h' : '';
  return leaf<number>(description, {
    allowed: `a duration such as 200ms, 10s, 1.5h${sign}`,
    read: (value) => {
      const ms = isScalar(value) ? parseGoDurationMs(String(value)) : undefined;
      return ms !== undefined && ms >= minMs && ms <= maxMs ? ms : undefined;
    },
  });
}

/** An instant; the output is in milliseconds since 1970. */
export function instant(description: string) {
  return leaf<number>(description, {
    allowed: 'a time such as 2026-01-31T12:00:00Z',
    read: (value) => {
      const isDate = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}/.test(value);
      const ms = isDate ? Date.parse(value) : Number.NaN;
      return Number.isNaN(ms) ? undefined : ms;
    },
  });
}
