/**
 * What an answer of an endpoint says of its keeping: whether it may be kept, and for how long at most.
 *
 * The configuration says how long pages are kept; an endpoint may shorten that, and never lengthen
 * it.
 */
import { firstValue, type ResponseHeaders } from '../fetch/get.ts';

export interface Storing {
  readonly isAllowed: boolean;
  readonly maxTtlMs: number | undefined;
}

/** Headers that promgate passes on, and that are no part of the key. */
const UNKEYED = ['*', 'user-agent', 'traceparent', 'tracestate'];

/** @param obey - whether `Cache-Control` counts */
export function storingOf(headers: ResponseHeaders, obey: boolean): Storing {
  const varied = listed(headers['vary']).some((name) => UNKEYED.includes(name));
  if (headers['set-cookie'] !== undefined || varied)
    return { isAllowed: false, maxTtlMs: undefined };
  if (!obey) return { isAllowed: true, maxTtlMs: undefined };
  const directives = listed(headers['cache-control']);
  const forbids = directives.some((one) => /^(?:no-store|no-cache|private)(?:=|$)/.test(one));
  const maxAge = secondsOf(directives, 's-maxage') ?? secondsOf(directives, 'max-age');
  const age = Number(firstValue(headers['age']) ?? 0);
  const leftSeconds = maxAge === undefined ? undefined : maxAge - (age > 0 ? age : 0);
  return {
    isAllowed: !forbids && (leftSeconds === undefined || leftSeconds > 0),
    maxTtlMs: leftSeconds === undefined ? undefined : leftSeconds * 1000,
  };
}

function secondsOf(directives: readonly string[], name: string): number | undefined {
  const found = directives.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
  const digits = /^"?(\d{1,10})"?$/.exec(found ?? '')?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function listed(header: string | string[] | undefined): string[] {
  const values = typeof header === 'string' ? [header] : (header ?? []);
  return values.flatMap((value) => value.split(',').map((one) => one.trim().toLowerCase()));
}
