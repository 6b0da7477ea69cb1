/** The commands of the documentation, run as they are written; and its list of failures. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ENDPOINT_FAILURES } from '../../src/fetch/endpoint-failure.ts';
import { runBlocks } from '../support/doc-commands.ts';
import { SLOW_MS } from '../support/limits.ts';
import { requireProgram } from '../support/require-program.ts';
import { freePort } from '../support/server-process.ts';

describe('docs/endpoint-cache.md', function () {
  this.timeout(SLOW_MS);

  it('shows commands that do what it says', async function () {
    requireProgram(this, 'curl');
    const printed = await runBlocks('endpoint-cache.md', {
      8085: await freePort(),
      9100: await freePort(),
    });

    assert.match(printed, /^endpoints:\n {2}allow:\n {4}- "?127\.0\.0\.1:\d+"?$/m);
    assert.match(printed, /^asked\{path="\/metrics"\} 1$/m);
    assert.match(printed, /^X-Cache: HIT\r?$/m);
    assert.match(printed, /^Age: 0\r?$/m);
    assert.match(printed, /^Cache-Status: promgate; hit; ttl=\d\r?$/m);
    assert.match(printed, /^asked\{path="\/federate\?match\[\]=a&match\[\]=b"\} 1$/m);
    assert.match(printed, /"code":"denied_address"/);
    assert.deepEqual(printed.match(/\{"purged":\d\}/g), [
      ...['{"purged":1}', '{"purged":1}', '{"purged":0}', '{"purged":0}'],
    ]);
  });

  it('names every failure', () => {
    const page = readFileSync(new URL('../../docs/endpoint-cache.md', import.meta.url), 'utf8');
    for (const failure of ENDPOINT_FAILURES) {
      if (failure === 'url_too_long') continue; // its code is bad_url
      assert.ok(page.includes(`\`${failure}\``), failure);
    }
  });
});
