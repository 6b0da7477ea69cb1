/** The completion scripts, in the shells themselves. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { COMMANDS } from '../../src/commands/commands.ts';
import { completion } from '../../src/commands/completion.ts';
import { runCommand } from '../support/command.ts';
import { SLOW_MS } from '../support/limits.ts';
import { requireProgram } from '../support/require-program.ts';

/** What bash offers for the last of these words. */
function bashOffers(words: readonly string[]): string[] {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const script = `${completion('bash')}
COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}
_promgate
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const printed = execFileSync('bash', ['--noprofile', '--norc', '-eu', '-c', script]);
  return printed.toString().trim().split('\n');
}

describe('promgate completion', function () {
  this.timeout(SLOW_MS);

  it('completes commands, options, values and files in bash', () => {
    assert.deepEqual(bashOffers(['promgate', 's']), ['serve', 'scrape']);
    assert.deepEqual(bashOffers(['promgate', 'check', '--l']), ['--live']);
    assert.deepEqual(bashOffers(['promgate', 'scrape', '--format', 'o']), ['openmetrics']);
    assert.deepEqual(bashOffers(['promgate', 'completion', 'f']), ['fish']);
    assert.deepEqual(bashOffers(['promgate', 'serve', '--config', 'package-l']), [
      'package-lock.json',
    ]);
    assert.deepEqual(bashOffers(['promgate', '--config', 'check', 'check', '--ti']), ['--timeout']);
  });

  it('offers every option of every command in bash', () => {
    for (const { name, options } of COMMANDS) {
      const expected = options.map((option) => `--${option.name}`);
      assert.deepEqual(bashOffers(['promgate', name, '--']), [...expected, '--help']);
    }
  });

  it('holds nothing that shellcheck warns of', function () {
    const shellcheck = requireProgram(this, 'shellcheck');
    const input = completion('bash');
    const printed = execFileSync(shellcheck, ['--shell', 'bash', '-'], { input });
    assert.equal(printed.toString(), '');
  });

  it('is read by zsh', function () {
    const zsh = requireProgram(this, 'zsh');
    const script = `autoload -U compinit; compinit -D; ${completion('zsh')}\nprint $_comps[promgate]`;
    assert.equal(execFileSync(zsh, ['-f', '-c', script]).toString(), '_promgate\n');
  });

  it('completes in fish', function () {
    const fish = requireProgram(this, 'fish');
    const offers = (line: string): string[] => {
      const script = `${completion('fish')}\ncomplete -C '${line}'`;
      const printed = execFileSync(fish, ['--no-config', '-c', script]).toString();
      return printed.split('\n').map((one) => one.split('\t')[0]!);
    };

    assert.ok(offers('promgate che').includes('check'));
    assert.ok(offers('promgate check --l').includes('--live'));
    assert.ok(offers('promgate scrape --format o').includes('openmetrics'));
    assert.ok(offers('promgate completion z').includes('zsh'));
  });

  it('prints the script, and refuses other shells with 2', async () => {
    const right = await runCommand(['completion', 'bash']);
    const wrong = await runCommand(['completion', 'tcsh']);
    const none = await runCommand(['completion']);

    assert.equal(right.code, 0);
    assert.equal(`${right.output}\n`, completion('bash'));
    assert.deepEqual([wrong.code, none.code], [2, 2]);
    assert.match(
      wrong.errors,
      /^there is no completion for tcsh: promgate completion bash\|zsh\|fish/,
    );
  });
});
