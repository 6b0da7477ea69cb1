/**
 * Debian's nginx on a free port of 127.0.0.1, with a folder of its own.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from './eventually.ts';
import { requireProgram, type Skippable } from './require-program.ts';
import { endServer, freePort } from './server-process.ts';

export interface Nginx extends AsyncDisposable {
  readonly url: string;
  /** Writes a file that it serves. */
  write(name: string, content: string | Buffer): Promise<void>;
}

/** @param server - lines of its `server` block; `root` is set */
export async function startNginx(context: Skippable, server: string): Promise<Nginx> {
  const program = requireProgram(context, 'nginx');
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-nginx-'));
  parts.defer(() => rm(folder, { recursive: true }));
  const root = path.join(folder, 'root');
  await mkdir(root);
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const file = path.join(folder, 'nginx.conf');
  await writeFile(
    file,
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
events {}
http {
  access_log off; ${temporary.join(' ')}
  server { listen 127.0.0.1:${port}; root ${root}; default_type text/plain; ${server} }
}
`,
  );
  const running = spawn(program, ['-c', file, '-e', `${folder}/error.log`], { stdio: 'ignore' });
  parts.defer(() => endServer(running, 'SIGKILL'));
  const failed = once(running, 'error').then(([error]) => Promise.reject(error));
  const url = `http://127.0.0.1:${port}`;
  const up = eventually('nginx to answer', async () => {
    await (await fetch(url)).arrayBuffer();
    return true;
  });
  await Promise.race([up, failed]);
  const owned = parts.move();
  return {
    url,
    write: (name, content) => writeFile(path.join(root, name), content),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
