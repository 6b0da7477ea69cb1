import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import Koa from 'koa';
import { statusSite } from '../../../src/serve/status/site.ts';

describe('a file of the status page that could not be read', () => {
  it('is read again for the next reader', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'site-'));
    const file = join(folder, 'index.html');
    const site = statusSite(new Map([['index.html', pathToFileURL(file)]]));
    const app = new Koa();
    app.silent = true;
    app.use((ctx, next) => {
      ctx.state['target'] = { path: '/', query: '' };
      return Reflect.apply(site, undefined, [ctx, next]);
    });
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const address = server.address();
      assert(address !== null && typeof address === 'object');
      const url = `http://127.0.0.1:${address.port}/`;
      assert.notEqual((await fetch(url)).status, 200);
      await writeFile(file, '<p>there</p>');
      const answer = await fetch(url);
      assert.equal(answer.status, 200);
      assert.equal(await answer.text(), '<p>there</p>');
    } finally {
      server.closeAllConnections();
      server.close();
      await rm(folder, { recursive: true });
    }
  });
});
