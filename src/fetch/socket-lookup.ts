/**
 * Looks up the names of routers and containers for sockets, by `host-lookup.ts`.
 *
 * Node's own look-up waits in one of four threads, which also read files: names whose servers never
 * answer would stall them.
 */
import type { LookupFunction } from 'node:net';
import { isIPv6 } from 'node:net';
import type { Lookup } from './host-lookup.ts';

const LOOKUP_MS = 2_000;
const NEVER = new AbortController().signal;

export function socketLookup(lookup: Lookup): LookupFunction {
  return (name, { all }, callback) => {
    const deadlineMs = performance.now() + LOOKUP_MS;
    // `Lookup` never rejects.
    void lookup(name, { deadlineMs, signal: NEVER, hurries: [] }).then((found) => {
      if (typeof found === 'string') {
        const code = found === 'none' ? 'ENOTFOUND' : 'EAI_AGAIN';
        callback(Object.assign(new Error(`${name} has no address: ${code}`), { code }), '', 0);
        return;
      }
      const places = found.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
      const [first] = places as [(typeof places)[number]]; // one at least
      if (all) callback(null, places);
      else callback(null, first.address, first.family);
    });
  };
}

/** The code of a name that leads to several places. */
export const SEVERAL = 'ESEVERAL';

/**
 * Refuses a name with several addresses: the name of an index leads to two containers while a deploy
 * runs, and nobody could say which of them answered.
 */
export function onlyOne(lookup: LookupFunction): LookupFunction {
  return (name, options, callback) =>
    lookup(name, { ...options, all: true }, (error, found) => {
      const places = error === null && Array.isArray(found) ? found : [];
      const [first] = places;
      if (!first) callback(error ?? new Error(`${name} has no address`), '', 0);
      else if (places.some((one) => one !== first && one.family === first.family)) {
        const why = new Error(`${name} leads to ${places.length} containers`);
        callback(Object.assign(why, { code: SEVERAL }), '', 0);
      } else if (options.all) callback(null, places);
      else callback(null, first.address, first.family);
    });
}
