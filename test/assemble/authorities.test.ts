import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { readAuthorities } from '../../src/assemble/authorities.ts';

describe('readAuthorities', () => {
  it("joins Node's authorities, the system's and those of the platform, each once", async () => {
    await using folder = await temporaryFolder();
    const [first = '', second = ''] = tls.rootCertificates;
    const own = first.replace(/^(-+BEGIN CERTIFICATE-+\n.)/, '$1'); // one that Node knows already
    const foreign = second.replace(/[A-Za-z](?=\n-+END)/, 'x');
    await writeFile(join(folder.path, 'platform.crt'), `# a bundle\n${own}\n${foreign}\n`);
    await writeFile(join(folder.path, 'notes.txt'), 'nothing to see');

    const authorities = await readAuthorities(folder.path);

    assert.ok(authorities.includes(first));
    assert.ok(authorities.some((pem) => pem.trim() === foreign.trim()));
    assert.equal(new Set(authorities).size, authorities.length);
    for (const pem of tls.getCACertificates('system')) assert.ok(authorities.includes(pem));
  });

  it('takes a folder that does not exist for an empty one', async () => {
    assert.deepEqual(await readAuthorities('/does/not/exist'), await readAuthorities(undefined));
  });
});

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'promgate-trust-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}
