/** Readers with an instance identity, at both ports of a promgate with real chains of certificates. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';
import type { Certificate } from '../serve/openssl.ts';
import { page } from '../support/answers.ts';
import { startAppInstances } from '../support/app-instances.ts';
import { endpointsOf } from '../support/foundation.ts';
import { IdentityChain, type IdentityOf } from '../support/identity-chain.ts';
import { startPrometheus } from '../support/prometheus.ts';
import { type Promgate, startPromgate } from '../support/promgate.ts';
import { requireProgram } from '../support/require-program.ts';

const SHOP = { organization: 'acme', space: 'dev', name: 'shop' } as const;
const MAIL = { organization: 'acme', space: 'dev', name: 'mail' } as const;
const BANK = { organization: 'acme', space: 'vault', name: 'bank' } as const;

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

interface Asked {
  readonly as?: Certificate | undefined;
  readonly headers?: OutgoingHttpHeaders;
  readonly agent?: Agent;
}

/** GETs over TLS. Rejects if the handshake fails. */
function get(
  chain: IdentityChain,
  url: string,
  { as, headers, agent }: Asked = {},
): Promise<Reply> {
  const ca = readFileSync(chain.path('server-ca.crt'));
  const own = as && { cert: readFileSync(as.cert), key: readFileSync(as.key) };
  return new Promise((resolve, reject) => {
    const servername = 'localhost'; // whatever the header Host says
    const sent = request(
      url,
      { ca, servername, ...own, headers, agent: agent ?? false },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            text: Buffer.concat(chunks).toString(),
          }),
        );
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

describe('readers with an instance identity', function () {
  this.timeout(60_000);
  let chain: IdentityChain;
  let promgate: Promgate;
  let shop: IdentityOf;
  const parts = new AsyncDisposableStack();

  before(async () => {
    chain = parts.use(new IdentityChain());
    chain.authority('server-ca');
    const own = chain.named('promgate', 'promgate.service.cf.internal', 'server-ca');
    chain.authority('router-ca');
    const instances = parts.use(
      await startAppInstances([page('a 1\n'), page('b 1\n'), page('c 1\n')]),
    );
    const apps = [SHOP, MAIL, BANK].map((app, at) => ({
      ...app,
      addresses: [instances.addresses[at]!],
    }));
    const { tags } = endpointsOf(apps[0]!)[0]!;
    shop = {
      app: tags['app_id']!,
      space: tags['space_id']!,
      organization: tags['organization_id']!,
    };
    promgate = parts.use(
      await startPromgate({
        apps,
        values: {
          auth: {
            mode: 'basic',
            operators: [{ username: 'ops', password: 'secret' }],
            identity: {
              ca: chain.authorities,
              tls: { port: 0, ...own },
              gorouter: {
                ...{ port: 0, ...own, ca: chain.path('router-ca.crt') },
                envoy_domains: ['*.apps.identity'],
              },
            },
          },
        },
      }),
    );
  });
  after(() => parts.disposeAsync());

  const refusals = async (): Promise<Record<string, number>> => {
    const headers = { Authorization: `Basic ${btoa('ops:secret')}` };
    const text = await promgate.text('/metrics', { headers });
    const found = text.matchAll(/^promgate_identity_refused_total\{failure="([^"]+)"\} (\d+)$/gm);
    return Object.fromEntries([...found].map(([, word, count]) => [word, Number(count)]));
  };
  /** Asserts a refusal with this word, which the metric counts. */
  const assertRefused = async (word: string, ask: () => Promise<Reply>): Promise<void> => {
    const before = (await refusals())[word] ?? -1;
    const { status, text, headers } = await ask();
    assert.equal(status, 401, text);
    assert.equal(JSON.parse(text).failure, word);
    assert.ok(JSON.parse(text).detail.length > 20);
    assert.equal(headers.connection, 'close');
    assert.equal((await refusals())[word], before + 1);
  };

  describe('at the port of TLS', () => {
    const ask = (path: string, asked: Asked = {}) => get(chain, promgate.identityUrl + path, asked);

    it('see the apps of their own space, and no others', async () => {
      const as = chain.instance('shop-0', shop);

      const mail = await ask('/v1/apps/acme/dev/mail/metrics', { as });
      const bank = await ask('/v1/apps/acme/vault/bank/metrics', { as });
      const listed = JSON.parse((await ask('/sd/apps', { as })).text);

      assert.equal(mail.status, 200);
      assert.match(mail.text, /^b\{/m);
      assert.equal(bank.status, 404);
      assert.deepEqual(
        listed.map(({ labels }: { labels: Record<string, string> }) => labels['app_name']).sort(),
        ['mail', 'shop'],
      );
      assert.equal((await ask('/metrics', { as })).status, 403);
    });

    it('need a certificate or another credential', async () => {
      const none = await ask('/sd/apps');
      const token = await ask('/sd/apps', {
        headers: { Authorization: `Basic ${btoa('ops:secret')}` },
      });

      assert.equal(none.status, 401);
      assert.equal(JSON.parse(none.text).failure, undefined);
      assert.equal(JSON.parse(token.text).length, 3);
    });

    it('do not get in by a certificate if their credential is wrong', async () => {
      const as = chain.instance('shop-wrong', shop);
      const headers = { Authorization: 'Bearer wrong' };
      assert.equal((await ask('/sd/apps', { as, headers })).status, 401);
    });

    it('are refused by a word for every fault of the certificate', async () => {
      const day = (days: number): Date => new Date(Date.now() + days * 86_400_000);
      chain.authority('other-root');
      chain.authority('other-ca', { by: 'other-root' });
      chain.authority('below', { by: 'identity-ca' });
      const uses = 'extendedKeyUsage=serverAuth';
      const cases: [string, Certificate][] = [
        ['expired', chain.instance('old', shop, { from: day(-3), until: day(-2) })],
        ['not-yet-valid', chain.instance('young', shop, { from: day(1), until: day(2) })],
        ['unknown-issuer', chain.instance('foreign', shop, { by: 'other-ca' })],
        ['unknown-issuer', chain.instance('nested', shop, { by: 'below' })], // sent, not configured
        ['wrong-usage', chain.instance('server', shop, { extensions: [uses] })],
        [
          'wrong-usage',
          chain.instance('authority', shop, { extensions: ['basicConstraints=CA:TRUE'] }),
        ],
        ['no-identity', chain.instance('nobody', { ...shop, space: 'dev' })],
        ['no-identity', chain.instance('plain', shop, { subject: '/CN=plain' })],
        [
          'no-identity',
          chain.instance('twice', { ...shop, app: `${shop.app}/OU=app:${shop.app}` }),
        ],
      ];
      for (const [word, as] of cases) await assertRefused(word, () => ask('/sd/apps', { as }));
    });

    it('are refused if an authority of the same name did not sign', async () => {
      using fake = new IdentityChain();
      const extensions = ['extendedKeyUsage=clientAuth', 'authorityKeyIdentifier=none'];
      const as = fake.instance('forged', shop, { extensions });
      await assertRefused('bad-signature', () => ask('/sd/apps', { as }));
    });

    it('are read by a real Prometheus that has the identity of an app', async function () {
      const program = requireProgram(this, 'prometheus');
      const { cert, key } = chain.instance('prometheus', shop);
      const own = { cert_file: cert, key_file: key, server_name: 'localhost' };
      const tls = { ...own, ca_file: chain.path('server-ca.crt') };
      const http = { scheme: 'https', honor_labels: true, tls_config: tls };
      const sd = { url: `${promgate.identityUrl}/sd/apps`, tls_config: tls };
      await using prometheus = await startPrometheus({
        program,
        config: {
          global: { scrape_interval: '1s' },
          scrape_configs: [{ job_name: 'space', ...http, http_sd_configs: [sd] }],
        },
      });

      const targets = await prometheus.scrapedTargets(2);
      const up = await prometheus.query('promgate_instance_up == 1');

      assert.deepEqual(
        targets.map(({ health }) => health),
        ['up', 'up'],
      );
      assert.deepEqual(up.map(({ labels }) => labels['app_name']).sort(), ['mail', 'shop']);
    });

    it('get nothing by a header that they write themselves', async () => {
      chain.instance('header-tls', shop);
      const headers = { 'X-Forwarded-Client-Cert': chain.header('header-tls') };
      assert.equal((await ask('/sd/apps', { headers })).status, 401);
    });

    it('keep their access when a session of TLS is resumed', async () => {
      const as = chain.instance('resumed', shop);
      const agent = new Agent({ keepAlive: false, maxCachedSessions: 10 });
      try {
        for (let i = 0; i < 3; i++) {
          const { status, text } = await ask('/sd/apps', { as, agent });
          assert.equal(status, 200, text);
          assert.equal(JSON.parse(text).length, 2);
        }
      } finally {
        agent.destroy();
      }
    });
  });

  describe('at the port of gorouter', () => {
    const gorouter = (): Certificate => ({
      cert: chain.path('gorouter.crt'),
      key: chain.path('gorouter.key'),
    });
    const ask = (headers: OutgoingHttpHeaders, as: Certificate | undefined = gorouter()) =>
      get(chain, `${promgate.gorouterUrl}/sd/apps`, { as, headers });

    before(() => {
      chain.named('gorouter', 'gorouter.service.cf.internal', 'router-ca');
      chain.instance('forwarded', shop);
    });

    it('see the apps of their own space by the certificate that gorouter forwards', async () => {
      const { status, text } = await ask({ 'X-Forwarded-Client-Cert': chain.header('forwarded') });

      assert.equal(status, 200);
      assert.equal(JSON.parse(text).length, 2);
    });

    it('are not heard before gorouter has shown its own certificate', async () => {
      const header = { 'X-Forwarded-Client-Cert': chain.header('forwarded') };
      chain.named('stranger', 'gorouter.service.cf.internal', 'server-ca');
      const stranger = { cert: chain.path('stranger.crt'), key: chain.path('stranger.key') };
      const reset = /ECONNRESET|EPIPE|alert|socket hang up/;

      const { identityUrl } = promgate;
      assert.equal((await get(chain, `${identityUrl}/sd/apps`, { headers: header })).status, 401);
      await assert.rejects(
        get(chain, `${promgate.gorouterUrl}/sd/apps`, { headers: header }),
        reset,
      );
      await assert.rejects(ask(header, stranger), reset);
    });

    it('are refused if another client of the same authority forwards them', async () => {
      const other = chain.named('other', 'tcp-router.service.cf.internal', 'router-ca');
      const wild = chain.named('wild', '*.service.cf.internal', 'router-ca');
      const header = { 'X-Forwarded-Client-Cert': chain.header('forwarded') };
      await assertRefused('not-from-gorouter', () => ask(header, other));
      await assertRefused('not-from-gorouter', () => ask(header, wild));
    });

    it('need a credential where gorouter forwards no certificate', async () => {
      assert.equal((await ask({})).status, 401);
      assert.equal((await ask({ 'X-Forwarded-Client-Cert': '' })).status, 401);
    });

    it('are refused by a word for every fault of the header', async () => {
      const good = chain.header('forwarded');
      const der = Buffer.from(good, 'base64');
      const until = new Date(Date.now() - 86_400_000);
      chain.instance('late', shop, { from: new Date(0), until });
      const hash = 'a'.repeat(64);
      const cases: [string, string | string[]][] = [
        ['several-certificates', [good, good]],
        ['several-certificates', `${good},${good}`],
        ['several-certificates', Buffer.concat([der, der]).toString('base64')],
        ['malformed', Buffer.concat([der, Buffer.from('x')]).toString('base64')],
        ['malformed', der.subarray(0, 200).toString('base64')],
        ['malformed', 'garbage!'],
        ['malformed', 'AAAA'],
        ['malformed', Buffer.from(chain.pem('forwarded')).toString('base64')],
        ['malformed', 'x'.repeat(8_000)],
        ['envoy-format', `Hash=${hash};Subject="OU=app:${shop.app},OU=space:${shop.space}"`],
        ['expired', chain.header('late')],
      ];
      for (const [word, header] of cases) {
        await assertRefused(word, () => ask({ 'X-Forwarded-Client-Cert': header }));
      }
    });

    it("are known by Envoy's format at an identity-aware domain alone", async () => {
      const units = `OU=app:${shop.app},OU=space:${shop.space},OU=organization:${shop.organization}`;
      const envoy = `Hash=${'0a'.repeat(32)};Subject="CN=shop-0,${units}"`;
      const at = (host: string, header = envoy) =>
        ask({ Host: host, 'X-Forwarded-Client-Cert': header });

      assert.equal((await at('promgate.apps.identity')).status, 200);
      assert.equal((await at('PROMGATE.apps.identity:443')).status, 200);
      assert.equal((await at('promgate.apps.identity', chain.header('forwarded'))).status, 200);
      for (const host of ['promgate.example.com', 'a.b.apps.identity', 'xapps.identity']) {
        await assertRefused('envoy-format', () => at(host));
      }
      const wrong: [string, string][] = [
        ['several-certificates', `${envoy},${envoy}`],
        ['several-certificates', `${envoy};Subject="CN=x,${units}"`],
        ['malformed', `Hash=1;Subject="CN=shop-0,${units}"`],
        ['malformed', `Hash=${'0a'.repeat(32)};Subject=CN=shop-0`],
        ['malformed', `${envoy};Subject="`],
        [
          'no-identity',
          `Hash=${'0a'.repeat(32)};Subject="CN=OU\\=app:x\\,${units.replace('OU=', '')}"`,
        ],
      ];
      for (const [word, header] of wrong) {
        await assertRefused(word, () => at('promgate.apps.identity', header));
      }
    });
  });

  it('get nothing by a forged header at the plain port', async () => {
    chain.instance('forger', shop);
    const headers = { 'X-Forwarded-Client-Cert': chain.header('forger') };
    const answer = await promgate.get('/sd/apps', { headers });
    assert.equal(answer.status, 401);
  });
});
