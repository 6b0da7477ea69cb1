/** What apps declare: annotations, and registrations of the metric registrar. */
import assert from 'node:assert/strict';
import { readAnnotations } from '../../../src/discover/cf-api/annotations.ts';
import { readDrainUrl } from '../../../src/discover/cf-api/registrar.ts';
import { startSource } from '../../support/cf-api/source.ts';

describe('annotations of an app', () => {
  const cases: [object, boolean | undefined, string | undefined, number | undefined][] = [
    [{}, undefined, undefined, undefined],
    [{ scrape: 'true' }, true, undefined, undefined],
    [{ scrape: 'false' }, false, undefined, undefined],
    [{ scrape: 'yes' }, undefined, undefined, undefined],
    [{ path: '/actuator' }, undefined, '/actuator', undefined],
    [{ port: '9090' }, undefined, '/metrics', 9090],
    [{ path: '/a?b=c', port: '1' }, undefined, '/a?b=c', 1],
    [{ path: '//evil.example.com/' }, undefined, undefined, undefined],
    [{ path: 'metrics' }, undefined, undefined, undefined],
    [{ path: '/a b' }, undefined, undefined, undefined],
    [{ path: '/a\r\nHost: x' }, undefined, undefined, undefined],
    [{ path: `/${'x'.repeat(1024)}` }, undefined, undefined, undefined],
    [{ port: '0' }, undefined, undefined, undefined],
    [{ port: '65536' }, undefined, undefined, undefined],
    [{ port: 9090 }, undefined, undefined, undefined],
    [{ port: '08' }, undefined, undefined, undefined],
  ];
  for (const [given, scrape, path, port] of cases) {
    it(`${JSON.stringify(given).slice(0, 60)} mean ${scrape} ${path} ${port}`, () => {
      const json = Object.fromEntries(
        Object.entries(given).map(([name, value]) => [`prometheus.io/${name}`, value as unknown]),
      );
      const read = readAnnotations(json);
      assert.deepEqual(
        [read.scrape, read.endpoint?.path, read.endpoint?.port],
        [scrape, path, port],
      );
    });
  }

  it('are absent where the API gives no object', () => {
    for (const json of [null, undefined, [], 'x', 1]) {
      assert.deepEqual(readAnnotations(json), { scrape: undefined, endpoint: undefined });
    }
  });
});

describe('registrations of the metric registrar', () => {
  const cases: [string, string | undefined][] = [
    ['metrics-endpoint:///actuator/prometheus', 'any  /actuator/prometheus'],
    ['metrics-endpoint://shop.example.com/metrics', 'any shop.example.com /metrics'],
    ['metrics-endpoint://Shop.Example.com:8443/metrics', 'any shop.example.com:8443 /metrics'],
    ['metrics-endpoint://https://shop.example.com/m', 'any shop.example.com /m'],
    ['metrics-endpoint://shop.example.com', 'any shop.example.com /'],
    ['secure-endpoint://:9090/metrics', 'https  /metrics 9090'],
    ['secure-endpoint://host:9090/metrics', undefined],
    ['secure-endpoint://:0/metrics', undefined],
    ['secure-endpoint://:99999/metrics', undefined],
    ['structured-format://json', undefined],
    ['structured-format://DogStatsD', undefined],
    ['syslog://logs.example.com:514', undefined],
    ['metrics-endpoint://user:secret@evil.example.com/metrics', undefined],
    ['metrics-endpoint:////evil.example.com/', undefined],
    [`metrics-endpoint:///${'x'.repeat(5000)}`, undefined],
  ];
  for (const [url, expected] of cases) {
    it(`${url.slice(0, 60)} means ${expected ?? 'nothing'}`, () => {
      const read = readDrainUrl(url);
      const { scheme = 'any', host = '', path = '', port } = read ?? {};
      const text = [scheme, host, path, ...(port === undefined ? [] : [port])].join(' ');
      assert.equal(read && text, expected);
    });
  }

  it('become endpoints of every app that is bound, and go when the binding goes', async () => {
    await using test = await startSource({
      fullIntervalMs: 1,
      prepare: ({ world }, space) => {
        const [shop, cart] = ['shop', 'cart'].map((name) => world.push({ name, space }));
        world.register('metrics-endpoint:///a', shop!, cart!);
        world.register('secure-endpoint://:9090/b', shop!);
        world.register(null, cart!);
        world.register('structured-format://json', cart!);
      },
    });
    await test.swept(1);
    const declared = (): string[][] =>
      test.api.world.apps.map(({ guid }) =>
        (test.source.inventory.ofApp(guid)?.declared ?? []).map(({ path }) => path).sort(),
      );

    assert.deepEqual(declared(), [['/a', '/b'], ['/a']]);
    test.api.world.bindings = test.api.world.bindings.slice(1);
    for (let at = 0; at < 3; at += 1) await test.sweepAgain();
    assert.deepEqual(declared(), [['/b'], ['/a']]);
  });

  it('leave a name of containers that two apps share to neither, and a public route to both', async () => {
    await using test = await startSource({
      prepare: ({ world }, space) => {
        const [shop, other] = ['shop', 'other'].map((name) => world.push({ name, space }));
        const to = { app: other!, processType: 'web', port: 8080, protocol: 'http1' };
        for (const domain of [world.publicDomain, world.internalDomain]) {
          world.map(shop!, { host: 'both', domain }).destinations.push(to);
        }
      },
    });
    await test.swept(1);

    for (const { guid } of test.api.world.apps) {
      const [target] = test.source.inventory.ofApp(guid)?.targets ?? [];
      const routes = target?.routes.filter(({ host }) => host.startsWith('both'));
      const mixed = routes?.map(({ internal, mixed: isMixed = false }) => [internal, isMixed]);
      assert.deepEqual(mixed?.sort(), [
        [false, false],
        [true, true],
      ]);
    }
  });

  it('of more services than a URL holds are read in batches', async () => {
    await using test = await startSource({
      requestsPerMinute: 100,
      prepare: ({ world }, space) => {
        for (let at = 0; at < 250; at += 1) {
          world.register('metrics-endpoint:///a', world.push({ name: `app-${at}`, space }));
        }
      },
    });

    await test.swept(1);

    const asked = test.paths().filter((path) => path === '/v3/service_credential_bindings');
    assert.equal(asked.length, 3);
    assert.ok(Math.max(...test.api.requests.map(({ length }) => length)) < 8000);
    assert.ok(
      [...test.source.inventory.selected.values()].every(({ declared }) => declared.length === 1),
    );
  });
});
