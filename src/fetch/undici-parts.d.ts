/**
 * Parts of undici that are imported by themselves: its index loads Node's whole fetch besides, which
 * costs 20 ms of the start and 15 MB. Held by the exact version in package.json.
 */
declare module 'undici/lib/dispatcher/client.js' {
  import type { Client } from 'undici';

  const client: typeof Client;
  export default client;
}

declare module 'undici/lib/core/errors.js' {
  import type { errors } from 'undici';

  const all: typeof errors;
  export default all;
}
