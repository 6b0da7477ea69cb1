import assert from 'node:assert/strict';
import { requireOperator } from '../../src/serve/auth.ts';
import type { Handler } from '../../src/serve/request.ts';
import { serveSite } from './site-server.ts';

const handle: Handler = (ctx) => {
  ctx.body = 'in';
};
const PATHS = ['/healthz', '/readyz', '/doc', '/metrics', '/routes', '/sd/apps'];

function serve() {
  return serveSite({
    routes: PATHS.map((path) => ({ name: path, path, handle })),
    admit: requireOperator([
      { username: 'ops', password: 'päss:word' },
      { username: 'prometheus', password: 'p' },
    ]),
  });
}

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

describe('requireOperator', () => {
  it('asks for a credential everywhere but on health, readiness and documentation', async () => {
    await using site = await serve();
    for (const path of [...PATHS, '/no/such/path']) {
      const { status, headers } = await fetch(`${site.url}${path}`);
      const open = ['/healthz', '/readyz', '/doc'].includes(path);
      assert.equal(status, open ? 200 : 401, path);
      assert.equal(
        headers.get('www-authenticate'),
        open ? null : 'Basic realm="promgate", charset="UTF-8"',
      );
    }
  });

  it('lets every operator in', async () => {
    await using site = await serve();
    for (const credential of ['ops:päss:word', 'prometheus:p']) {
      const headers = { Authorization: basic(credential) };
      assert.equal((await fetch(`${site.url}/metrics`, { headers })).status, 200);
    }
  });

  for (const header of [
    '',
    'Basic',
    'Basic !',
    basic(''),
    basic(':'),
    basic('ops'),
    basic('ops:'),
    basic('ops:päss:wor'),
    basic('ops:päss:word2'),
    basic('ops:p'),
    basic('prometheus:päss:word'),
    `Bearer ${Buffer.from('prometheus:p').toString('base64')}`,
    `${basic('prometheus:p')}, ${basic('prometheus:p')}`,
  ]) {
    it(`refuses ${JSON.stringify(header)}`, async () => {
      await using site = await serve();

      const answer = await fetch(`${site.url}/metrics`, { headers: { Authorization: header } });

      assert.equal(answer.status, 401);
      assert.equal(((await answer.json()) as { code: string }).code, 'unauthorized');
    });
  }
});
