import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { BoshMachine } from '../support/bosh-machine.ts';
import { renderJob } from '../support/erb.ts';

const PROPERTIES = {
  cf: { api_url: 'https://api.example.com', username: 'admin', password: "it's" },
};
const LINK = {
  instances: [{ address: '10.0.0.1' }],
  properties: {
    promfetcher: {
      base_url: 'https://promgate.example.com',
      broker: { username: 'broker', password: '$(reboot) `x` "y"' },
    },
  },
};

describe('the scripts of the BOSH jobs', () => {
  for (const [word, brokers] of [
    ['create', 'name url\npromfetcher-2 https://x'],
    ['update', 'name url\npromfetcher https://x'],
  ] as const) {
    it(`the errand does ${word} the broker, and passes odd passwords on as they are`, function () {
      using machine = new BoshMachine();
      const calls = path.join(machine.folder, 'calls');
      machine.file(
        'packages/cf-cli-8-linux/bin/cf',
        `#!/bin/bash\nprintf '<%s>' "$@" >>${calls}; echo >>${calls}\n` +
          `[ "$1" != auth ] || echo "$CF_USERNAME $CF_PASSWORD" >>${calls}\n` +
          `[ "$1" != service-brokers ] || cat ${machine.file('brokers', brokers)}\n`,
      );
      const input = { job: 'promgate-broker-registrar', properties: PROPERTIES };
      const { files, error } = renderJob(this, { ...input, links: { promgate: LINK } });
      assert.equal(error, null);

      const run = spawnSync('bash', [machine.file('run', files['bin/run']!)], { encoding: 'utf8' });

      assert.equal(run.status, 0, run.stderr);
      assert.deepEqual(readFileSync(calls, 'utf8').split('\n'), [
        '<api><https://api.example.com>',
        '<auth>',
        "admin it's",
        '<service-brokers>',
        `<${word}-service-broker><promfetcher><broker><$(reboot) \`x\` "y"><https://promgate.example.com/broker>`,
        '<enable-service-access><promfetcher><-b><promfetcher>',
        '',
      ]);
    });
  }

  it('the errand says which job it lacks', function () {
    using machine = new BoshMachine();
    const input = { job: 'promgate-broker-registrar', properties: PROPERTIES };
    const { files } = renderJob(this, { ...input, links: { promgate: LINK } });

    const run = spawnSync('bash', [machine.file('run', files['bin/run']!)], { encoding: 'utf8' });

    assert.equal(run.status, 1);
    assert.match(run.stderr, /add the job cf-cli-8-linux of the release cf-cli/);
  });

  it('drain ends the process, asks to be called again, and then says that it is gone', async () => {
    using machine = new BoshMachine();
    const source = new URL('../../bosh/jobs/promgate/templates/drain.sh', import.meta.url);
    const script = machine.file('drain', readFileSync(source, 'utf8'));
    const drain = () => spawnSync('bash', [script, 'job_shutdown'], { encoding: 'utf8' });
    assert.equal(drain().stdout, '0\n');
    const child = spawn('sleep', ['1000']);
    machine.file('sys/run/bpm/promgate/promgate.pid', `${child.pid}\n`);
    const ended = once(child, 'exit');

    const first = drain();

    assert.deepEqual([first.stdout, first.status], ['-2\n', 0]);
    assert.deepEqual(await ended, [null, 'SIGTERM']);
    assert.equal(drain().stdout, '0\n');
  });

  it('pre-start refuses a wrong configuration with its faults', () => {
    using machine = new BoshMachine();
    const source = new URL('../../bosh/jobs/promgate/templates/pre-start.sh', import.meta.url);
    const script = machine.file('pre-start', readFileSync(source, 'utf8'));
    const main = new URL('../../src/main.ts', import.meta.url).pathname;
    machine.file(
      'packages/promgate-node/bin/node',
      `#!/bin/sh\nshift\nexec ${process.execPath} ${main} "$@"\n`,
    );
    const check = (configuration: string) => {
      machine.file('jobs/promgate/config/promgate.yml', configuration);
      return spawnSync('bash', [script], { encoding: 'utf8' });
    };

    assert.equal(check('{}').status, 0);
    const { status, stderr } = check('scrape: { timeout: soon }');
    assert.equal(status, 2);
    assert.match(stderr, /scrape\.timeout is "soon"/);
  });
});
