/** Debian's prometheus-pushgateway, started for a test on a free port of 127.0.0.1. */
import { requireProgram, type Skippable } from './require-program.ts';
import { endServer, freePort, startServer } from './server-process.ts';

export interface Pushgateway extends AsyncDisposable {
  readonly url: string;
}

/** @param context - `this` of the test that needs it: skipped when the program is missing */
export async function startPushgateway(context: Skippable): Promise<Pushgateway> {
  const program = requireProgram(context, 'prometheus-pushgateway');
  const address = `127.0.0.1:${await freePort()}`;
  const server = await startServer({
    program,
    // Debian's keeps its metrics in a file, which all processes would share.
    args: [`--web.listen-address=${address}`, '--web.enable-admin-api', '--persistence.file='],
    ready: /Listening on/,
  });
  return {
    url: `http://${address}`,
    [Symbol.asyncDispose]: () => endServer(server, 'SIGKILL'), // it keeps nothing
  };
}
