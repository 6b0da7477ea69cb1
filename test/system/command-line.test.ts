/**
 * The command line as an operator sees it: exit codes, and what is said when something is wrong.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { hang } from '../support/answers.ts';
import { type Exit, runPromgate } from '../support/program.ts';
import { startServer } from '../support/simulated-server.ts';

interface Run extends Exit {
  readonly lines: readonly string[];
  readonly errors: readonly string[];
}

async function run(...args: readonly string[]): Promise<Run> {
  await using program = runPromgate(args);
  const exit = await program.exited;
  const errors = program.errors.split('\n').filter((line) => line !== '');
  return { ...exit, lines: program.lines, errors };
}

async function configFile(text: string): Promise<{ readonly file: string } & AsyncDisposable> {
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-system-'));
  const file = path.join(folder, 'promgate.yml');
  await writeFile(file, text);
  return { file, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

describe('the command line', () => {
  it('ends with 1 and one line that names the address, when its port is taken', async () => {
    await using taken = await startServer(hang);
    const [host, port = ''] = taken.address.split(':');

    const { code, lines, errors } = await run('serve', '--port', port, `--set=listen.host=${host}`);

    assert.equal(code, 1);
    assert.deepEqual(errors, []);
    assert.equal(lines.length, 1);
    const { level, msg, err } = JSON.parse(lines[0]!); // there is one
    assert.deepEqual([level, msg], ['fatal', 'promgate cannot start']);
    assert.equal(err.message, `listen EADDRINUSE: address already in use ${taken.address}`);
  });

  it('ends with 2 and one line per fault of the configuration, whether it serves or checks', async () => {
    await using config = await configFile(
      'listen: { port: 99999, hosst: 127.0.0.1 }\nscrape: { timeout: 5 parsecs }\n',
    );

    const runs = [
      await run('serve', '--config', config.file),
      await run('check', '--config', config.file),
    ];

    for (const { code, lines, errors } of runs) {
      assert.equal(code, 2);
      assert.deepEqual(lines, []);
      assert.equal(errors.length, 3);
      assert.match(errors[0]!, /:1: listen\.port is 99999, but must be .* from 0 to 65535$/);
      assert.match(errors[1]!, /:1: listen\.hosst is no key of promgate; did you mean host\?$/);
      assert.match(errors[2]!, /:2: scrape\.timeout is "5 parsecs", but must be a duration /);
    }
  });

  it('prints what takes effect, secrets masked, and ends with 0', async () => {
    await using config = await configFile(
      'auth: { mode: basic, operators: [{ username: op, password: open-sesame }] }\n',
    );

    const { code, lines, errors } = await run('check', '--config', config.file, '--port=8123');

    assert.equal(code, 0);
    for (const line of errors) assert.match(line, /^warning: /);
    const text = lines.join('\n');
    assert.match(text, /^ {2}port: 8123$/m);
    assert.match(text, /username: op$/m);
    assert.doesNotMatch(text, /sesame/);
  });

  it('ends with 2 and its usage for a command that does not exist', async () => {
    const { code, lines, errors } = await run('serv');

    assert.equal(code, 2);
    assert.deepEqual(lines, []);
    assert.equal(errors[0], 'there is no such command: serv');
    assert.match(errors.join('\n'), /^usage:$/m);
  });
});
