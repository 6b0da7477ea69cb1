/**
 * The section `auth`: who may read.
 */
import { isEmpty, password, username } from './credentials.ts';
import { choice, duration, list, network, section, withDefault } from './setting.ts';

export const auth = section(
  'Who may read.',
  {
    mode: withDefault(
      choice(
        "open asks nobody; basic for an operator's name and password; token for the token of a binding, or an operator's password as one; both takes either.",
        ['open', 'token', 'basic', 'both'],
      ),
      'open',
    ),
    max_stale: withDefault(
      duration('Tokens are taken for so long after the database was last read.', {
        minMs: 1000,
        maxMs: 86_400_000,
      }),
      '5m',
    ),
    trusted_proxies: withDefault(
      list(
        'Proxies whose X-Forwarded-For is believed when wrong passwords are counted by address.',
        network('One of them, or their network.'),
      ),
      [],
    ),
    operators: withDefault(
      list(
        'Who reads everything, with any auth.mode but open.',
        section('One operator.', {
          username: username('User name.'),
          password: password('Password.'),
        }),
      ),
      [],
    ),
  },
  [
    {
      key: 'operators',
      holds: ({ mode, operators }) => mode !== 'basic' || !isEmpty(operators),
      otherwise: 'must name at least one operator, since auth.mode is basic',
    },
    {
      key: 'operators',
      holds: ({ mode, operators }) => mode !== 'open' || isEmpty(operators),
      otherwise: 'must be empty while auth.mode is open, which asks nobody for a password',
    },
  ],
);

/** Whether the section, as it was given, asks for tokens of bindings. */
export function wantsTokens(auth: unknown): boolean {
  const { mode } = (auth ?? {}) as { readonly mode?: unknown };
  return mode === 'token' || mode === 'both';
}
