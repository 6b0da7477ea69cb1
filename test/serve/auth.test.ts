import assert from 'node:assert/strict';
import {
  type AuthOptions,
  heedToken,
  pushersOnly,
  readersOnly,
  requireCredential,
} from '../../src/serve/auth.ts';
import type { Handler } from '../../src/serve/request.ts';
import type { Scope } from '../../src/serve/scope.ts';
import { requestText, sendRaw, serveFrame } from './frame-server.ts';

const handle: Handler = (ctx) => {
  ctx.body = 'in';
};
const PATHS = ['/metrics', '/routes', '/sd/apps'];

const TOKEN = 'a-token-of-a-binding';
const SCOPE = { appId: 'a1', spaceId: 's1' };

function serve(mode: AuthOptions['mode'] = 'basic') {
  const see: Handler = (ctx) => {
    ctx.body = JSON.stringify(ctx.state.scope);
  };
  const admit = requireCredential({
    mode,
    operators: [
      { username: 'ops', password: 'päss:word' },
      { username: 'prometheus', password: 'p' },
    ],
    tokens: {
      scopeOf: async (token) =>
        token === 'stale' ? 'unsure' : token === TOKEN ? SCOPE : undefined,
    },
  });
  return serveFrame({
    routes: [
      ...PATHS.map((path) => ({ name: path, path, handle })),
      { name: 'scope', path: '/scope', handle: see },
      { name: 'own', path: '/own', handle, isForOperators: true },
    ],
    admit,
  });
}

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

/** `promgate_` and 43 characters: known, revoked, and one that nobody can check at the moment. */
const BOUND = `promgate_${'k'.repeat(43)}`;
const REVOKED = `promgate_${'r'.repeat(43)}`;
const UNSURE = `promgate_${'u'.repeat(43)}`;

function serveOpen() {
  const see: Handler = (ctx) => {
    ctx.body = JSON.stringify([ctx.state.scope, ctx.state.credentialIsOurs ?? false]);
  };
  return serveFrame({
    routes: [{ name: 'scope', path: '/scope', handle: see }],
    admit: heedToken({
      scopeOf: async (token) => (token === BOUND ? SCOPE : token === UNSURE ? 'unsure' : undefined),
    }),
  });
}

describe('heedToken', () => {
  for (const [title, headers, seen] of [
    ['nothing', [], ['all', false]],
    ["an app's own credential", ['Bearer of-the-app'], ['all', false]],
    ['a token', [`Bearer ${BOUND}`], [SCOPE, true]],
    ['a token as password', [basic(`x:${BOUND}`)], [SCOPE, true]],
    ['a revoked token', [`Bearer ${REVOKED}`], 401],
    ['a revoked token as password', [basic(`x:${REVOKED}`)], 401],
    ['a revoked token as password behind a tab', [`Basic\t${btoa(`x:${REVOKED}`)}`], 401],
    ['a revoked token in another scheme', [`Token ${REVOKED}`], 401],
    ['a revoked token in a second header', ['Bearer of-the-app', `Bearer ${REVOKED}`], 401],
    ['a token that cannot be checked', [`Bearer ${UNSURE}`], 503],
  ] as const) {
    it(`answers ${title} with ${JSON.stringify(seen)}`, async () => {
      await using site = await serveOpen();
      const lines = headers.map((value) => `Authorization: ${value}`);

      const answer = await sendRaw(site.port, requestText('/scope', lines));

      const [head = '', body = ''] = answer.split('\r\n\r\n');
      const status = Number(head.slice(9, 12));
      assert.deepEqual(status === 200 ? JSON.parse(body) : status, seen);
      if (status === 401) assert.match(head, /^WWW-Authenticate: Bearer realm="promgate"\r$/m);
      if (status === 503) assert.match(head, /^Retry-After: \d+\r$/m);
      assert.ok(!body.includes('promgate_'), 'the token is not repeated');
    });
  }
});

describe('readersOnly and pushersOnly', () => {
  const scopes: Readonly<Record<string, Scope>> = {
    reads: SCOPE,
    pushes: { pushes: { tenant: 'app:a1', labels: [] } },
  };
  const sites = { readersOnly, pushersOnly };
  for (const [site, credential, status, text] of [
    ['readersOnly', 'Bearer reads', 200, /^in$/],
    ['readersOnly', 'Bearer pushes', 403, /reads only its own metrics at \/push\/metrics/],
    ['readersOnly', basic('ops:p'), 200, /^in$/],
    ['pushersOnly', 'Bearer reads', 403, /bind a service of the push plan to push/],
    ['pushersOnly', 'Bearer pushes', 200, /^in$/],
    ['pushersOnly', basic('ops:p'), 200, /^in$/],
    ['pushersOnly', 'Bearer revoked', 401, /"code":"unauthorized"/],
  ] as const) {
    it(`${site} answers ${credential} with ${status}`, async () => {
      const admit = requireCredential({
        mode: 'both',
        operators: [{ username: 'ops', password: 'p' }],
        tokens: { scopeOf: async (token) => scopes[token] },
      });
      await using served = await serveFrame({
        routes: [{ name: 'any', path: '/any', handle }],
        admit: sites[site](admit),
      });

      const answer = await fetch(`${served.url}/any`, { headers: { Authorization: credential } });

      assert.equal(answer.status, status);
      assert.match(await answer.text(), text);
    });
  }
});

describe('requireCredential', () => {
  it('asks for a credential everywhere, also where nothing is', async () => {
    await using site = await serve();
    for (const path of [...PATHS, '/no/such/path']) {
      const { status, headers } = await fetch(`${site.url}${path}`);
      assert.equal(status, 401, path);
      assert.equal(headers.get('www-authenticate'), 'Basic realm="promgate", charset="UTF-8"');
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

  const basicToken = basic(`anyone:${TOKEN}`);
  for (const [mode, header, seen] of [
    ['basic', basic('ops:päss:word'), 'all'],
    ['basic', basicToken, 401],
    ['basic', `Bearer ${TOKEN}`, 401],
    ['token', `Bearer ${TOKEN}`, SCOPE],
    ['token', `bearer  ${TOKEN} `, SCOPE],
    ['token', basicToken, SCOPE],
    ['token', basic(`:${TOKEN}`), SCOPE],
    ['token', 'Bearer p', 'all'],
    ['token', basic('anyone:p'), 'all'],
    ['token', 'Bearer ops', 401],
    ['token', `Bearer ${TOKEN}x`, 401],
    ['token', `Bearer ${TOKEN}, Bearer ${TOKEN}`, 401],
    ['token', TOKEN, 401],
    ['token', 'Bearer stale', 503],
    ['both', `Bearer ${TOKEN}`, SCOPE],
    ['both', basicToken, SCOPE],
    ['both', basic('ops:päss:word'), 'all'],
    ['both', basic('ops:no'), 401],
  ] as const) {
    it(`answers ${JSON.stringify(header)} in mode ${mode} with ${JSON.stringify(seen)}`, async () => {
      await using site = await serve(mode);

      const answer = await fetch(`${site.url}/scope`, { headers: { Authorization: header } });

      const body = await answer.text();
      assert.deepEqual(answer.ok ? JSON.parse(body) : answer.status, seen);
    });
  }

  it('names the ways to send a credential in the order wanted', async () => {
    const challenges = ['basic', 'token', 'both'].map(async (mode) => {
      await using site = await serve(mode as AuthOptions['mode']);
      return (await fetch(`${site.url}/scope`)).headers.get('www-authenticate');
    });

    assert.deepEqual(await Promise.all(challenges), [
      'Basic realm="promgate", charset="UTF-8"',
      'Bearer realm="promgate", Basic realm="promgate", charset="UTF-8"',
      'Basic realm="promgate", charset="UTF-8", Bearer realm="promgate"',
    ]);
  });

  it("keeps tenants from what is the operators'", async () => {
    await using site = await serve('both');
    const status = async (header: string): Promise<number> =>
      (await fetch(`${site.url}/own`, { headers: { Authorization: header } })).status;

    assert.equal(await status(`Bearer ${TOKEN}`), 403);
    assert.equal(await status(basic('ops:päss:word')), 200);
  });
});
