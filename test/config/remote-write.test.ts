import assert from 'node:assert/strict';
import {
  ConfigError,
  configWarnings,
  describeConfig,
  readConfig,
} from '../../src/config/config.ts';

const URL = 'http://prometheus:9090/api/v1/write';

const read = (values: unknown) => readConfig({ memoryBytes: 2 ** 30, values, environment: {} });

async function remotesOf(...remotes: readonly object[]) {
  const { push } = await read({ push: { remote_write: remotes } });
  assert.ok(push);
  return push.remoteWrite;
}

/** Faults of one receiver, without the name of its place. */
async function faultsOf(remote: object): Promise<readonly string[]> {
  try {
    await read({ push: { remote_write: [{ url: URL, ...remote }] } });
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.faults.map((fault) => fault.replaceAll('push.remote_write[0].', ''));
  }
  return [];
}

const ruleFaults = (rule: object): Promise<readonly string[]> => faultsOf({ relabel: [rule] });

describe('the list push.remote_write', () => {
  it('takes these defaults', async () => {
    assert.deepEqual(await remotesOf({ url: URL }), [
      {
        name: 'prometheus:9090',
        url: URL,
        version: 2,
        auth: { kind: 'none' },
        headers: {},
        tls: undefined,
        intervalMs: 15_000,
        resendMs: 0,
        relabel: [],
        maxSamples: 2000,
        maxLanes: 4,
        timeoutMs: 30_000,
        maxQueueBytes: 64 * 2 ** 20,
      },
    ]);
  });

  it('gives receivers of one host names of their own', async () => {
    const remotes = await remotesOf({ url: URL }, { url: `${URL}?a` }, { url: URL, name: 'mimir' });

    assert.deepEqual(
      remotes.map(({ name }) => name),
      ['prometheus:9090', 'prometheus:9090-2', 'mimir'],
    );
  });

  it('takes credentials of two kinds', async () => {
    const [basic, bearer] = await remotesOf(
      { url: URL, auth: { username: 'u', password: 'p' } },
      { url: URL, auth: { token: 't' }, headers: [{ name: 'X-Scope-OrgID', value: 'a' }] },
    );

    assert.deepEqual(basic?.auth, { kind: 'basic', username: 'u', password: 'p' });
    assert.deepEqual(bearer?.auth, { kind: 'bearer', token: 't' });
    assert.deepEqual(bearer?.headers, { 'X-Scope-OrgID': 'a' });
  });

  it('takes rules as Prometheus writes them', async () => {
    const [remote] = await remotesOf({
      url: URL,
      relabel: [{ source_labels: ['job'], regex: 'a(.*)', target_label: `x_\${1}` }],
    });

    assert.deepEqual(remote?.relabel, [
      {
        action: 'replace',
        sourceLabels: ['job'],
        separator: ';',
        regex: 'a(.*)',
        targetLabel: `x_\${1}`,
        replacement: '$1',
        modulus: 0,
      },
    ]);
  });

  it('refuses two kinds of credentials at once, and half of one', async () => {
    assert.deepEqual(await faultsOf({ auth: { username: 'u', password: 'p', token: 't' } }), [
      'auth.token is ********, but must not be set beside username',
    ]);
    assert.deepEqual(await faultsOf({ auth: { username: 'u' } }), [
      'auth.password is missing; it must be set, since username is',
    ]);
  });

  for (const name of ['Authorization', 'content-type', 'Host', 'User-Agent', 'a b', '']) {
    it(`refuses the header ${JSON.stringify(name)}`, async () => {
      const [fault, ...more] = await faultsOf({ headers: [{ name, value: 'x' }] });

      assert.match(fault ?? '', /^headers\[0\]\.name is .* must be the name of a header/);
      assert.deepEqual(more, []);
    });
  }

  for (const regex of ['(', '(?=a)', '\\1', 'a{2000}', '[z-a]']) {
    it(`refuses the regular expression ${regex}`, async () => {
      const [fault, ...more] = await ruleFaults({ regex, target_label: 'a' });

      assert.match(fault ?? '', /^relabel\[0\]\.regex is .* must be a regular expression of RE2/);
      assert.deepEqual(more, []);
    });
  }

  const incomplete: readonly (readonly [rule: object, fault: RegExp])[] = [
    [{}, /target_label is missing; it must be set for this action/],
    [{ action: 'keep' }, /source_labels is .*, but must name at least one label/],
    [{ action: 'keepequal', source_labels: ['a'] }, /target_label .* must be set/],
    [{ action: 'hashmod', source_labels: ['a'], target_label: 'b' }, /modulus .* must be set/],
    [
      { action: 'lowercase', source_labels: ['a'], target_label: `\${1}` },
      /target_label .* only replace may use groups/,
    ],
    [{ target_label: 'a-b' }, /target_label .* must be the name of a label/],
    [{ action: 'explode' }, /action .* must be one of replace, keep/],
    [{ action: 'drop', source_labels: ['a b'] }, /source_labels\[0\] .* the name of a label/],
  ];
  for (const [rule, fault] of incomplete) {
    it(`refuses the rule ${JSON.stringify(rule)}`, async () => {
      assert.match((await ruleFaults(rule)).join('; '), fault);
    });
  }

  it('needs nothing but a regular expression to drop labels', async () => {
    assert.deepEqual(await ruleFaults({ action: 'labeldrop', regex: 'pod.*' }), []);
    assert.deepEqual(await ruleFaults({ action: 'labelmap', regex: 'x_(.*)' }), []);
  });

  it('warns of credentials that are sent without TLS', async () => {
    const auth = { token: 'secret' };
    const remotes = [
      { url: URL, auth },
      { url: URL },
      { url: 'https://mimir.example.com/', auth },
      { url: 'http://127.0.0.1:9090/', auth },
    ];
    const warnings = configWarnings(await read({ push: { remote_write: remotes } }));

    assert.deepEqual(
      warnings.filter((warning) => warning.startsWith('push')),
      ['push.remote_write, prometheus:9090: its auth is sent without TLS; use https'],
    );
  });

  it('is printed without secrets', async () => {
    const headers = [{ name: 'X-Key', value: 'hidden' }];
    const remote = { url: URL, auth: { token: 'hidden' }, headers };
    const values = { push: { remote_write: [remote] } };
    const { yaml: printed } = await describeConfig({
      memoryBytes: 2 ** 30,
      values,
      environment: {},
    });

    assert.match(printed, /prometheus:9090/);
    assert.doesNotMatch(printed, /hidden/);
  });
});
