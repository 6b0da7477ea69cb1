/**
 * The section `redis`: the server through which replicas tell each other of purges and of changed
 * bindings.
 */
import type { z } from 'zod';
import { clientTls, tlsFiles } from './credentials.ts';
import { parseRedisUrl } from './redis-url.ts';
import { section, text, withDefault } from './setting.ts';

export const redis = section(
  'Redis or Valkey, through which replicas tell each other of purges and of changed bindings.',
  {
    url: text('The server.', {
      allowed: 'redis://<user>:<password>@<host>:<port> or rediss://…',
      secret: true, // in a malformed URL the password may be anywhere
      pattern: /^(?:redis|rediss|valkey|valkeys):\/\/[^\p{Cc}\s]+$/u,
    }),
    tls: clientTls('TLS to the server.'),
    channel: withDefault(
      text(
        'Prefix of the pub/sub channel; replicas that share a server and a prefix are one group.',
        {
          allowed: 'letters, digits, dots, colons, dashes and underscores, at most 128',
          pattern: /^[A-Za-z0-9._:-]{1,128}$/,
        },
      ),
      'promgate',
    ),
  },
);

export function toRedis(values: z.output<typeof redis> | undefined) {
  return (
    values && {
      address: parseRedisUrl(values.url),
      tls: tlsFiles(values.tls),
      channel: values.channel,
    }
  );
}
