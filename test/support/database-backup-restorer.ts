/**
 * Stands in for the program of the backup-and-restore SDK that dumps and restores databases: the same
 * options, the same keys and types of the configuration, and the same commands with the same arguments,
 * which are Debian's here.
 *
 * Run as a program: `--backup` or `--restore`, `--config <JSON file>` and `--artifact-file <file>`.
 *
 * @see https://github.com/cloudfoundry/backup-and-restore-sdk-release/blob/main/docs/database-backup-restore.md
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import type { BoshMachine } from './bosh-machine.ts';
import { requireProgram, type Skippable } from './require-program.ts';

const COMMANDS = ['pg_dump', 'pg_restore', 'mysqldump', 'mysql'] as const;

/** Its job on a machine: both scripts, where those of other jobs call them. */
export function installBackupRestorer(context: Skippable, machine: BoshMachine): void {
  for (const command of COMMANDS) requireProgram(context, command);
  for (const action of ['backup', 'restore']) {
    machine.file(
      `jobs/database-backup-restorer/bin/${action}`,
      `#!/usr/bin/env bash\nset -e\n"${process.execPath}" "${fileURLToPath(import.meta.url)}" --${action} $*\n`,
    );
  }
}

/** As Go reads JSON into a struct: other keys are ignored, other types are refused. */
const CONFIG = z.object({
  username: z.string().default(''),
  password: z.string().default(''),
  port: z.int().default(0),
  adapter: z.enum(['postgres', 'mysql']),
  host: z.string().default(''),
  database: z.string().default(''),
  tables: z.array(z.string()).min(1).optional(),
  tls: z
    .object({
      skip_host_verify: z.boolean().default(false),
      cert: z.object({
        ca: z.string().min(1),
        certificate: z.string().default(''),
        private_key: z.string().default(''),
      }),
    })
    .optional(),
});

type Config = z.infer<typeof CONFIG>;

/** A command with only the variables that it is given. @returns its standard output */
function run(
  command: (typeof COMMANDS)[number],
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input?: string,
): string {
  const program = requireProgram(
    {
      skip: () => {
        throw new Error(`${command} is not installed`);
      },
    },
    command,
  );
  const stdin = input === undefined ? 'ignore' : openSync(input, 'r');
  const { status, stdout, error } = spawnSync(program, args, {
    ...{ env: { ...env }, encoding: 'utf8', stdio: [stdin, 'pipe', 'inherit'] },
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command}: exit status ${status}`);
  return stdout;
}

/** Writes each PEM text to a file of its own. */
class Files implements Disposable {
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'backup-restorer-'));

  write(name: string, text: string): string {
    const file = path.join(this.#folder, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}

function postgres(config: Config, artifact: string, isRestore: boolean, files: Files): void {
  const { username, host, port, password, database, tables = [], tls } = config;
  const server = [`--username=${username}`, `--host=${host}`, `--port=${port}`];
  const env: Record<string, string> = { PGPASSWORD: password };
  if (tls) {
    env['PGSSLROOTCERT'] = files.write('ca', tls.cert.ca);
    env['PGSSLMODE'] = tls.skip_host_verify ? 'verify-ca' : 'verify-full';
    if (tls.cert.certificate) env['PGSSLCERT'] = files.write('cert', tls.cert.certificate);
    if (tls.cert.private_key) env['PGSSLKEY'] = files.write('key', tls.cert.private_key);
  }
  if (!isRestore) {
    const chosen = tables.flatMap((table) => ['-t', table]);
    const dump = ['--verbose', '--format=custom', `--file=${artifact}`, database, ...chosen];
    run('pg_dump', [...server, ...dump], env);
    return;
  }
  const list = run('pg_restore', ['--list', artifact], {});
  const kept = list.split('\n').filter((line) => !/ EXTENSION | SCHEMA /.test(line));
  const restore = [
    ...['--verbose', '--format=custom', `--dbname=${database}`, '--clean', '--if-exists'],
    ...['--single-transaction', '--exit-on-error'],
    `--use-list=${files.write('list', kept.join('\n'))}`,
  ];
  run('pg_restore', [...server, ...restore, artifact], env);
}

function mysql(config: Config, artifact: string, isRestore: boolean, files: Files): void {
  const { username, host, port, password, database, tables = [], tls } = config;
  const server = [`--user=${username}`, `--host=${host}`, `--port=${port}`];
  const env = { MYSQL_PWD: password };
  if (tls) {
    server.push(`--ssl-ca=${files.write('ca', tls.cert.ca)}`);
    if (!tls.skip_host_verify) server.push('--ssl-verify-server-cert');
    if (tls.cert.certificate)
      server.push(`--ssl-cert=${files.write('cert', tls.cert.certificate)}`);
    if (tls.cert.private_key) server.push(`--ssl-key=${files.write('key', tls.cert.private_key)}`);
  }
  if (isRestore) {
    run('mysql', [...server, '-v', database], env, artifact);
    return;
  }
  const dump = ['-v', '--skip-add-locks', '--single-transaction', `--result-file=${artifact}`];
  run('mysqldump', [...server, ...dump, database, ...tables], env);
}

function main(): void {
  const { values } = parseArgs({
    options: {
      backup: { type: 'boolean', default: false },
      restore: { type: 'boolean', default: false },
      config: { type: 'string' },
      'artifact-file': { type: 'string' },
    },
  });
  const { backup, restore, config: file, 'artifact-file': artifact } = values;
  if (backup === restore) throw new Error('one of --backup and --restore');
  if (!file) throw new Error('Missing --config flag');
  if (!artifact) throw new Error('Missing --artifact-file flag');
  const config = CONFIG.parse(JSON.parse(readFileSync(file, 'utf8')));
  using files = new Files();
  (config.adapter === 'postgres' ? postgres : mysql)(config, artifact, restore, files);
}

if (import.meta.main) main();
