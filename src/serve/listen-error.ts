/**
 * Why a port could not be opened, and which keys say which port it is.
 */

/** What to do about the errors that have a usual cause. */
const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there already; end it, or set another port',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'the port needs privileges that promgate does not have; set a port above 1023',
  ENOTFOUND: 'the name of the host cannot be resolved',
};

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  /** The key of the port: `listen.port`. */
  readonly key: string;
}

/** @returns the error to fail the start with; its `cause` is Node's */
export function listenError(cause: unknown, { host, port, key }: ListenAddress): Error {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  const why = ADVICE[code] ?? (cause instanceof Error ? cause.message : String(cause));
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const error = new Error(`cannot listen on ${where} (listen.host, ${key}): ${why}`, { cause });
  return Object.assign(error, { code });
}
