/**
 * A real VictoriaMetrics for one test: Debian's, a server of Prometheus' query API without remote read.
 */
import { eventually } from './eventually.ts';
import { lastingPort } from './lasting-port.ts';
import { endServer, removeFolder, serverFolder, startServer } from './server-process.ts';

export interface VictoriaMetrics extends AsyncDisposable {
  readonly url: string;
  /** Makes what was written visible to queries. */
  flush(): Promise<void>;
}

/** @param program - from `requireProgram(this, 'victoria-metrics')` */
export async function startVictoriaMetrics(program: string): Promise<VictoriaMetrics> {
  await using parts = new AsyncDisposableStack();
  const folder = await serverFolder({});
  parts.defer(() => removeFolder(folder));
  const address = `127.0.0.1:${await lastingPort()}`;
  const server = await startServer({
    program,
    args: [`-storageDataPath=${folder}`, `-httpListenAddr=${address}`],
    ready: /started VictoriaMetrics/,
  });
  parts.defer(() => endServer(server, 'SIGKILL')); // its data goes with the folder
  const url = `http://${address}`;
  // It says that it has started while it begins to listen.
  await eventually('VictoriaMetrics to listen', () =>
    fetch(`${url}/health`).then(
      (answer) => answer.ok || undefined,
      () => undefined,
    ),
  );
  const owned = parts.move();
  return {
    url,
    flush: async () => {
      const answer = await fetch(`${url}/internal/force_flush`);
      await answer.arrayBuffer();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
