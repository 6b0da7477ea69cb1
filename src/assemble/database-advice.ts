/**
 * Which key says what is wrong about a database that cannot be used, and what to do about it.
 */

const UNTRUSTED =
  'set database.tls.ca to the authority that signs the certificate of the database server';
const CREDENTIALS = 'look at the user and the password in database.url';
const DATABASE = 'look at the name of the database in database.url';
const ADDRESS = 'look at host and port in database.url, and whether the database server runs';
const FILE = 'look at the file in database.url, its folder, and who may write there';
const NO_DATABASE = 'the file in database.url is no database, or damaged: put its backup there';
const CERTIFICATE =
  'look at database.tls.cert and database.tls.key: the database server refuses them';

/** Codes of Node, OpenSSL, PostgreSQL (SQLSTATE), MySQL and, as a number, SQLite. */
const ADVICE: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  ERR_TLS_CERT_ALTNAME_INVALID: 'write the host in database.url as the certificate names it',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: CERTIFICATE,
  '28P01': CREDENTIALS,
  '28000': `${CREDENTIALS}; if the server insists on TLS, set database.tls`,
  ER_ACCESS_DENIED_ERROR: CREDENTIALS,
  '3D000': DATABASE,
  ER_BAD_DB_ERROR: DATABASE,
  ER_DBACCESS_DENIED_ERROR: DATABASE,
  '42501': 'grant the user of database.url the right to create tables',
  ER_TABLEACCESS_DENIED_ERROR: 'grant the user of database.url all rights on its database',
  ECONNREFUSED: ADDRESS,
  EHOSTUNREACH: ADDRESS,
  ENETUNREACH: ADDRESS,
  ENOTFOUND: 'look at the host in database.url: its name cannot be resolved',
  EAI_AGAIN: 'look at the host in database.url: its name cannot be resolved at the moment',
  HANDSHAKE_NO_SSL_SUPPORT: 'the server has no TLS: leave out database.tls, or set it up there',
  ENOENT: FILE,
  ENOTDIR: FILE,
  EISDIR: FILE,
  EACCES: FILE,
  EROFS: FILE,
  '14': FILE, // SQLITE_CANTOPEN
  '11': NO_DATABASE, // SQLITE_CORRUPT
  '26': NO_DATABASE, // SQLITE_NOTADB
};

/**
 * @returns what to do, by the first error in the chain of causes that is known; undefined where the
 *   message itself has to do
 */
export function databaseAdvice(error: unknown): string | undefined {
  for (let one = error; one instanceof Error; one = one.cause) {
    const { code, errcode } = one as { readonly code?: unknown; readonly errcode?: unknown };
    const advice = ADVICE[String(errcode ?? code)];
    if (advice !== undefined) return advice;
    if (one.message.includes('does not support SSL')) return ADVICE['HANDSHAKE_NO_SSL_SUPPORT']!;
  }
  return undefined;
}
