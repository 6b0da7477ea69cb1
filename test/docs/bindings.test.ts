/** The commands of the documentation, run as they are written. */
import assert from 'node:assert/strict';
import { runBlocks } from '../support/doc-commands.ts';
import { SLOW_MS } from '../support/limits.ts';
import { requireProgram } from '../support/require-program.ts';
import { freePort } from '../support/server-process.ts';

describe('docs/bindings.md', function () {
  this.timeout(SLOW_MS);

  it('shows commands that do what it says', async function () {
    requireProgram(this, 'curl');
    const printed = await runBlocks('bindings.md', { 8085: await freePort() });

    assert.match(printed, /"services":\[\{/);
    assert.match(printed, /^http_\w+\{[^}]*app_name="mailer"[^}]*team="post"/m);
    assert.match(printed, /^404 Cannot found app with id or path demo\/prod\/shop$/m);
    assert.match(printed, /"app_name":"mailer"/);
    assert.match(printed, /^ {2}adopt: true$/m);
    assert.match(printed, /"endpoint":"\/metrics","token":"promgate_[\w-]{43}"/);
    assert.match(printed, /the new key: 200$/m);
    assert.match(printed, /^ {2}-H "X-Push-Source: \$CF_INSTANCE_GUID" \\$/m);
    assert.match(printed, /^a page of an app: 403$/m);
    assert.match(printed, /^\w+\{[^}]*organization_name="demo",[^}]*space_name="prod"[^}]*\} /m);
    assert.match(printed, /^pushed metrics: 403$/m);
  });
});
