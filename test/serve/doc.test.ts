import assert from 'node:assert/strict';
import { doc } from '../../src/serve/doc.ts';
import { startPromgate } from '../support/promgate.ts';
import { serveFrame } from './frame-server.ts';

describe('/doc', () => {
  it('names the paths in a page that anybody may read and nothing can be smuggled into', async () => {
    const operators = [{ username: 'op', password: 'secret' }];
    await using promgate = await startPromgate({
      apps: [],
      values: { auth: { mode: 'basic', operators } },
    });

    const answer = await promgate.get('/doc?<script>');
    const text = await answer.text();

    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), 'text/html; charset=utf-8');
    assert.equal(answer.headers.get('content-security-policy'), "default-src 'none'");
    for (const path of [
      '/v1/apps/&#60;guid&#62;/metrics',
      '/sd/apps',
      '/routes',
      '/push/metrics',
      '/broker/v2',
    ]) {
      assert.ok(text.includes(`<code>${path}`), path);
    }
    assert.doesNotMatch(text, /<(?:script|guid|org)/);
  });

  it('answers HEAD with the headers alone, and POST with 405', async () => {
    await using site = await serveFrame({ routes: [{ name: 'doc', path: '/doc', handle: doc }] });

    const head = await fetch(`${site.url}/doc`, { method: 'HEAD' });
    const post = await fetch(`${site.url}/doc`, { method: 'POST' });

    assert.equal(head.status, 200);
    assert.equal(head.headers.get('content-type'), 'text/html; charset=utf-8');
    assert.equal(await head.text(), '');
    assert.equal(post.status, 405);
  });
});
