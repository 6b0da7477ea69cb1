/**
 * The section `auth`: who may read metrics.
 */
import { isEmpty, password, username } from './credentials.ts';
import { identity } from './identity.ts';
import { choice, duration, list, network, optional, section, withDefault } from './setting.ts';

export const auth = section(
  'Who may read metrics.',
  {
    mode: withDefault(
      choice(
        "open asks for no credential; basic asks for an operator's name and password; token asks for a binding's token, or an operator's password as a token; both accepts either.",
        ['open', 'token', 'basic', 'both'],
      ),
      'open',
    ),
    max_stale: withDefault(
      duration('Tokens are accepted for this long after the database was last read.', {
        minMs: 1000,
        maxMs: 86_400_000,
      }),
      '5m',
    ),
    trusted_proxies: withDefault(
      list(
        'Proxies whose X-Forwarded-For promgate trusts when it counts wrong passwords, or requests, by address.',
        network('The address or network of proxies.'),
      ),
      [],
    ),
    operators: withDefault(
      list(
        'Accounts that may read everything, in any auth.mode but open.',
        section('One operator.', {
          username: username('User name.'),
          password: password('Password.'),
        }),
      ),
      [],
    ),
    identity: optional(identity),
  },
  [
    {
      key: 'identity',
      holds: ({ mode, identity: own }) => mode !== 'open' || own === undefined,
      otherwise: 'must be absent while auth.mode is open, which asks nobody for a credential',
    },
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

/** Whether the section, before its check, asks for tokens of bindings. */
export function wantsTokens(auth: unknown): boolean {
  const { mode } = (auth ?? {}) as { readonly mode?: unknown };
  return mode === 'token' || mode === 'both';
}
