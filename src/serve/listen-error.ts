/**
 * Explains why a port could not be opened, and names the configuration keys of the port.
 */

/** The usual cause of an error code, and what to do. */
const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there already; end it, or set another port',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'the port needs privileges that promgate does not have; set a port above 1023',
  ENOTFOUND: 'the name of the host cannot be resolved',
};

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  /** The configuration key of the port, such as `listen.port`. */
  readonly key: string;
}

/** @returns the error that fails the start; its `cause` is Node's error */
export function listenError(cause: unknown, { host, port, key }: ListenAddress): Error {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  const why = ADVICE[code] ?? (cause instanceof Error ? cause.message : String(cause));
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const error = new Error(`cannot listen on ${where} (listen.host, ${key}): ${why}`, { cause });
  return Object.assign(error, { code });
}
