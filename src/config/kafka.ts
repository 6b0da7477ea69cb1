/**
 * The section `kafka`: where promgate sends one event per request.
 */
import type { z } from 'zod';
import { clientTls, isEmpty, password, tlsFiles, username } from './credentials.ts';
import { choice, list, optional, section, text, withDefault } from './setting.ts';

/** Without IPv6 addresses, which the client library cannot read. */
const BROKER = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?(?::\d{1,5})?$/;
/** The port of a broker that names none. */
const PORT = 9092;
const NAME = /^[A-Za-z0-9._-]{1,249}$/; // what Kafka allows as the name of a topic

export const kafka = section(
  'Kafka, to which promgate sends one event per request of the proxy and of the endpoint cache.',
  {
    brokers: list(
      'Brokers to ask first; they name the other brokers of the cluster.',
      text('One broker.', { allowed: 'a host or host:port', pattern: BROKER }),
    ),
    topic: withDefault(
      text('Topic of the events.', {
        allowed: 'letters, digits, dots, dashes and underscores, at most 249',
        pattern: NAME,
      }),
      'log-topic',
    ),
    client_id: withDefault(
      text("Name of promgate in the brokers' logs and quotas.", {
        allowed: 'letters, digits, dots, dashes and underscores, at most 249',
        pattern: NAME,
      }),
      'promgate',
    ),
    tls: clientTls('TLS to the brokers.'),
    sasl: optional(
      section('Account at the brokers.', {
        mechanism: withDefault(
          choice('How promgate proves the password.', ['plain', 'scram-sha-256', 'scram-sha-512']),
          'plain',
        ),
        username: username('User name.'),
        password: password('Password.'),
      }),
    ),
  },
  [
    {
      key: 'brokers',
      holds: ({ brokers }) => !isEmpty(brokers),
      otherwise: 'must be a list of at least one broker',
    },
  ],
);

export function toKafka(values: z.output<typeof kafka> | undefined) {
  return (
    values && {
      brokers: values.brokers.map((one) => (one.includes(':') ? one : `${one}:${PORT}`)),
      topic: values.topic,
      clientId: values.client_id,
      tls: tlsFiles(values.tls),
      sasl: values.sasl && {
        mechanism: values.sasl.mechanism,
        username: values.sasl.username,
        password: values.sasl.password,
      },
    }
  );
}
