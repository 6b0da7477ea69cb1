import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Instance } from '../../src/discover/instance.ts';
import { UNBOUND } from '../../src/serve/app-settings.ts';
import {
  type ServiceDiscoveryOptions,
  serviceDiscovery,
} from '../../src/serve/service-discovery.ts';
import { requestText, sendRaw, serveFrame } from './frame-server.ts';
import { guidOf, instance } from './instances.ts';

interface Group {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

function serve(
  apps: readonly (readonly Instance[])[],
  more: Partial<ServiceDiscoveryOptions> = {},
) {
  const handle = serviceDiscovery({
    table: { apps: () => apps },
    tableKnown: () => true,
    settingsOf: () => UNBOUND,
    ...more,
  });
  return serveFrame({ routes: [{ name: 'sd', path: '/sd/apps', handle }] });
}

async function groups(url: string, headers: Record<string, string> = {}): Promise<Group[]> {
  const answer = await fetch(url, { headers });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'application/json');
  return (await answer.json()) as Group[];
}

const SHOP = [instance('shop', '1', '10.0.0.2:80'), instance('shop', '0', '10.0.0.1:80')];
const MAIL = [instance('mail', '0', '10.0.0.3:80')];

describe('GET /sd/apps', () => {
  it('lists one group per app, with labels of its own', async () => {
    await using site = await serve([SHOP, MAIL]);

    const [shop, mail, ...rest] = await groups(`${site.url}/sd/apps`);

    assert.deepEqual(rest, []);
    assert.deepEqual(shop, {
      targets: [`127.0.0.1:${site.port}`],
      labels: {
        organization_name: 'acme',
        space_name: 'dev',
        app_name: 'shop',
        app_id: guidOf('shop'),
        instance: 'acme/dev/shop',
        __scheme__: 'http',
        __metrics_path__: `/v1/apps/${guidOf('shop')}/metrics`,
        __meta_cf_organization_id: 'o-1',
        __meta_cf_organization_name: 'acme',
        __meta_cf_space_id: 's-1',
        __meta_cf_space_name: 'dev',
        __meta_cf_app_id: guidOf('shop'),
        __meta_cf_app_name: 'shop',
        __meta_cf_route: 'shop.apps.example.com',
        __meta_cf_instances: '2',
      },
    });
    assert.equal(mail?.labels['instance'], 'acme/dev/mail');
  });

  it('lists all apps beside one whose tags are no Unicode', async () => {
    const tags = { app_id: '\ud800', process_instance_id: '\udfff' };
    await using site = await serve([[instance('odd', '0', '10.0.0.9:80', tags)], SHOP]);

    const apps = await groups(`${site.url}/sd/apps`);
    const instances = await groups(`${site.url}/sd/apps?per=instance`);

    assert.equal(apps[1]?.labels['app_name'], 'shop');
    assert.equal(instances.length, 2); // none of what is no guid
  });

  it('lists one group per instance with ?per=instance, by index', async () => {
    await using site = await serve([SHOP]);

    const found = await groups(`${site.url}/sd/apps?per=instance`);

    assert.deepEqual(
      found.map(({ labels }) => [labels['instance'], labels['index'], labels['__metrics_path__']]),
      [
        ['10.0.0.1:80', '0', `/v1/apps/${guidOf('shop')}/instances/shop-instance-0/metrics`],
        ['10.0.0.2:80', '1', `/v1/apps/${guidOf('shop')}/instances/shop-instance-1/metrics`],
      ],
    );
    assert.equal(found[0]?.labels['__meta_cf_process_instance_id'], 'shop-instance-0');
    assert.equal(found[0]?.labels['app_name'], 'shop');
  });

  it('names an instance by its index when it has no id', async () => {
    const plain = instance('shop', '3', '10.0.0.1:80', { process_instance_id: '' });
    const nameless = instance('shop', '', '10.0.0.2:80', { process_instance_id: '' });
    await using site = await serve([[plain, nameless]]);

    const found = await groups(`${site.url}/sd/apps?per=instance`);

    assert.deepEqual(
      found.map(({ labels }) => labels['__metrics_path__']),
      [`/v1/apps/${guidOf('shop')}/instances/3/metrics`],
    );
  });

  it('names no instance by what would be escaped on its way, and none of an app without a guid', async () => {
    const odd = instance('shop', '3', '10.0.0.1:80', { process_instance_id: 'p/1?x#é' });
    const lost = instance('shop', 'a/b', '10.0.0.2:80', { process_instance_id: '..' });
    const named = instance('job', '0', '10.0.0.3:80', { app_id: 'my-app' });
    await using site = await serve([[odd, lost], [named]]);

    const found = await groups(`${site.url}/sd/apps?per=instance`);

    assert.deepEqual(
      found.map(({ labels }) => labels['__metrics_path__']),
      [`/v1/apps/${guidOf('shop')}/instances/3/metrics`],
    );
    assert.equal((await groups(`${site.url}/sd/apps`)).length, 2);
  });

  it('keeps both instances that share an index during a rolling deploy', async () => {
    const apps = [
      instance('shop', '0', '10.0.0.1:80', { process_instance_id: 'old' }),
      instance('shop', '0', '10.0.0.2:80', { process_instance_id: 'new' }),
    ];
    await using site = await serve([apps]);

    const found = await groups(`${site.url}/sd/apps?per=instance`);

    const names = found.map(({ labels }) => `${labels['instance']} ${labels['index']}`);
    assert.deepEqual(names, ['10.0.0.1:80 0', '10.0.0.2:80 0']);
  });

  it('lists what a guid selects: web instances, each address once, apps with a guid', async () => {
    const apps = [
      [...SHOP, ...SHOP],
      [instance('job', '0', '10.0.0.9:80', { process_type: 'worker' })],
      [instance('none', '0', '10.0.0.8:80', { app_id: '' })],
    ];
    await using site = await serve(apps);

    assert.equal((await groups(`${site.url}/sd/apps`)).length, 1);
    assert.equal((await groups(`${site.url}/sd/apps?per=instance`)).length, 2);
  });

  it('gives every target label sets that differ, with nothing but texts', async () => {
    const name = fc.string({ unit: 'grapheme', maxLength: 8 });
    const member = fc.record({ app: fc.nat(3), index: fc.nat(3), host: fc.nat(9), org: name });
    await fc.assert(
      fc.asyncProperty(fc.array(member, { maxLength: 12 }), async (members) => {
        const apps = Map.groupBy(members, ({ app }) => app);
        const instances = [...apps.values()].map((all) =>
          all.map(({ app, index, host, org }) =>
            instance(`app${app}`, String(index), `10.0.${app}.${host}:80`, {
              organization_name: org,
              process_instance_id: `${app}-${host}`,
            }),
          ),
        );
        await using site = await serve(instances);
        for (const path of ['/sd/apps', '/sd/apps?per=instance']) {
          const found = await groups(site.url + path);
          const real = found.map(({ labels }) =>
            JSON.stringify(Object.entries(labels).filter(([key]) => !key.startsWith('__'))),
          );
          assert.equal(new Set(real).size, found.length);
          for (const { labels } of found) {
            for (const value of Object.values(labels)) assert.equal(typeof value, 'string');
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  describe('names promgate', () => {
    const target = async (headers: Record<string, string>, more = {}) => {
      await using site = await serve([MAIL], more);
      const [group] = await groups(`${site.url}/sd/apps`, headers);
      const address = group?.targets[0]?.replace(`127.0.0.1:${site.port}`, 'self');
      return `${group?.labels['__scheme__']}://${address}`;
    };

    it('as the reader called it', async () => {
      assert.equal(await target({}), 'http://self');
    });

    it('as the outermost proxy was called', async () => {
      const headers = {
        'X-Forwarded-Host': 'promgate.example.com, inner:8080',
        'X-Forwarded-Proto': 'https,http',
      };
      assert.equal(await target(headers), 'https://promgate.example.com');
      assert.equal(await target({ 'X-Forwarded-Host': '[::1]:8080' }), 'http://[::1]:8080');
    });

    it('without what is no address and no scheme', async () => {
      const headers = { 'X-Forwarded-Host': 'a b/c', 'X-Forwarded-Proto': 'javascript' };
      assert.equal(await target(headers), 'http://self');
    });

    it('as the configuration says, over the request', async () => {
      const headers = { 'X-Forwarded-Host': 'other', 'X-Forwarded-Proto': 'http' };
      const more = { address: 'promgate.example.com:443', scheme: 'https' };
      assert.equal(await target(headers, more), 'https://promgate.example.com:443');
    });

    it('not at all when nothing tells its address', async () => {
      await using site = await serve([MAIL]);
      const text = requestText('/sd/apps').replace('Host: h', 'Host: a/b');
      assert.match(await sendRaw(site.port, text), /^HTTP\/1\.1 400 /);
    });
  });

  it('answers 503 until the table is known, so that Prometheus keeps its targets', async () => {
    let known = false;
    await using site = await serve([], { tableKnown: () => known });

    const before = await fetch(`${site.url}/sd/apps`);
    known = true;

    assert.equal(before.status, 503);
    assert.equal(before.headers.get('retry-after'), '5');
    assert.deepEqual(await groups(`${site.url}/sd/apps`), []);
  });

  it('refuses another ?per', async () => {
    await using site = await serve([SHOP]);
    assert.equal((await fetch(`${site.url}/sd/apps?per=space`)).status, 400);
  });

  it('lists the processes that an app is bound with', async () => {
    const all = [
      instance('shop', '0', '10.0.0.1:80'),
      instance('shop', '0', '10.0.0.2:80', { process_type: 'worker' }),
    ];
    const listed = async (process: 'web' | 'worker' | 'all'): Promise<readonly unknown[]> => {
      await using site = await serve([all], { settingsOf: () => ({ ...UNBOUND, process }) });
      const found = await groups(`${site.url}/sd/apps?per=instance`);
      return found.map(({ labels }) => labels['instance']);
    };

    assert.deepEqual(await listed('web'), ['10.0.0.1:80']);
    assert.deepEqual(await listed('worker'), ['10.0.0.2:80']);
    assert.deepEqual(await listed('all'), ['10.0.0.1:80', '10.0.0.2:80']);
  });
});
