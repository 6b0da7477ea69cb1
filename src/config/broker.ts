/**
 * The sections `broker` and `database`: the accounts that create bindings, and where these are
 * kept.
 */
import { clientTls, password, together, username } from './credentials.ts';
import { duration, flag, list, optional, section, text, url, withDefault } from './setting.ts';

const CATALOG_NAME = /^[a-z0-9-]{1,64}$/; // what public checkers of OSB 2.13 accept
const CATALOG_ID = /^[A-Za-z0-9._-]{1,64}$/;

const catalogId = (description: string) =>
  text(description, {
    allowed: 'letters, digits, dots, dashes and underscores, at most 64',
    pattern: CATALOG_ID,
  });
const catalogName = (description: string) =>
  text(description, {
    allowed: 'lower-case letters, digits and dashes, at most 64',
    pattern: CATALOG_NAME,
  });

export const broker = section(
  'The Open Service Broker at /broker/v2. It exists only if username and password, or accounts, are set.',
  {
    username: optional(username('User name of the platform.')),
    password: optional(password('Password of the platform.')),
    accounts: withDefault(
      list(
        'Further accounts.',
        section('One account.', {
          username: username('User name.'),
          password: password('Password.'),
          spaces: optional(
            list(
              'Guids of the only spaces that the account serves; without this key it serves all.',
              text('The guid of a space.', {
                allowed: 'a guid',
                pattern: /^[A-Za-z0-9._-]{1,64}$/,
              }),
            ),
          ),
        }),
      ),
      [],
    ),
    service_id: withDefault(
      catalogId('Id of the service in the catalog.'),
      '75bcebab-cc25-4ef6-89dc-a91b953919f1',
    ),
    plan_id: withDefault(
      catalogId('Id of its plan in the catalog.'),
      'e2900be3-709b-419e-b63b-de3aabcd9e15',
    ),
    service_name: withDefault(
      catalogName('Name of the service in the marketplace.'),
      'promfetcher',
    ),
    plan_name: withDefault(catalogName('Name of its plan.'), 'fetch-app'),
    push_plan_id: withDefault(
      catalogId('Id of the plan whose bindings push metrics; the catalog has it only with push.'),
      '13d6b8f7-6643-4524-94e5-74029a36cf56',
    ),
    push_plan_name: withDefault(catalogName('Name of that plan.'), 'push'),
    url: optional(
      url('URL of promgate in credentials; without it the address that the platform used.', [
        'http',
        'https',
      ]),
    ),
    max_cache: withDefault(
      duration('Longest time for which a binding may let an answer be cached.', {
        minMs: 0,
        maxMs: 86_400_000,
      }),
      '1h',
    ),
    adopt: withDefault(
      flag("Adopt the service instances of Promfetcher's broker, which stored none."),
      false,
    ),
    ephemeral: withDefault(
      flag('Allow SQLite on Cloud Foundry, where the database is lost with the container.'),
      false,
    ),
  },
  [
    ...together('username', 'password'),
    {
      key: 'push_plan_id',
      holds: ({ plan_id, push_plan_id }) => plan_id !== push_plan_id,
      otherwise: 'must be another id than plan_id',
    },
    {
      key: 'push_plan_name',
      holds: ({ plan_name, push_plan_name }) => plan_name !== push_plan_name,
      otherwise: 'must be another name than plan_name',
    },
  ],
);

const encryptionKey = (description: string) =>
  text(description, {
    allowed: 'a text of 16 to 1024 characters without control characters',
    pattern: /^[^\p{Cc}]{16,1024}$/u,
    secret: true,
  });

export const database = section('Where bindings are kept.', {
  url: withDefault(
    text('The database.', {
      allowed: 'sqlite:<file>, postgres://<user>:<password>@<host>/<database> or mysql://…',
      secret: true, // in a malformed URL the password may be anywhere
      pattern:
        /^(?:sqlite:[^\p{Cc}]+|(?:postgres|postgresql|mysql|mysql2|mariadb):\/\/[^\p{Cc}\s]+)$/u,
    }),
    'sqlite:promgate.db',
  ),
  tls: clientTls('TLS to the database.'),
  encryption_key: optional(
    encryptionKey(
      'Key that encrypts tokens and headers; without it promgate creates a key and keeps it in the database itself.',
    ),
  ),
  old_encryption_keys: withDefault(
    list('Earlier keys, with which promgate only decrypts.', encryptionKey('One key.')),
    [],
  ),
});

interface GivenBroker {
  readonly username?: unknown;
  readonly accounts?: unknown;
}

/** Whether the section, before its check, has an account. */
export function hasAccounts(broker: unknown): boolean {
  const { username, accounts } = (broker ?? {}) as GivenBroker;
  return username !== undefined || (Array.isArray(accounts) && accounts.length > 0);
}

/** Whether all accounts of the section, before its check, have different user names. */
export function uniqueAccounts(broker: unknown): boolean {
  const { username, accounts } = (broker ?? {}) as GivenBroker;
  const others = Array.isArray(accounts) ? accounts : [];
  const names = others.map((account: { readonly username?: unknown } | null) => account?.username);
  const all = username === undefined ? names : [username, ...names];
  return new Set(all).size === all.length;
}
