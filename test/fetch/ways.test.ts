/** The ways of an instance become targets, and their answers teach which networks they lead into. */
import assert from 'node:assert/strict';
import type { Target } from '../../src/discover/target.ts';
import { targetAddress } from '../../src/discover/target.ts';
import type { Failure } from '../../src/fetch/failure.ts';
import { RouterProbe } from '../../src/fetch/router-probe.ts';
import { instanceTarget, type ScrapeTarget } from '../../src/fetch/target.ts';
import { networkOf, Ways, type WaysOptions } from '../../src/fetch/ways.ts';
import { guidOf, instance } from '../serve/instances.ts';

const PROCESS = '6f0e0b3c-27e5-4a8b-b4f5-3f2a4d5c6b7a';
const AUTO: WaysOptions = {
  ...{ via: 'auto', router: { address: 'router:443', tls: true }, identityRouter: undefined },
  ...{ knowsProcesses: true, hasIdentity: false, hasCellCertificate: false, internalTls: false },
};

function listed(address: string) {
  const one = instance('shop', '0', address, { process_id: PROCESS });
  return { one, direct: instanceTarget(one, '/path/metrics') };
}

/** What the CF API says of the same instance. */
function told(more: Partial<Target> = {}): Target {
  const { app } = instance('shop', '0', '10.0.0.1:80');
  return {
    ...{ app, processId: PROCESS, processType: 'web', index: 0, state: 'RUNNING' },
    ...{ instanceId: 'instance-guid', cell: '10.0.9.9', containerIp: '', isolationSegment: '' },
    ...{ routes: [], ports: undefined, declared: [], rolling: false, ...more },
  };
}

const placeless = (target: Target) => {
  const one = { ...listed(targetAddress(target)).one, target };
  const endpoint = { ...one.endpoint, target, tls: true };
  const known = { ...one, endpoint };
  return { one: known, direct: instanceTarget(known, '/metrics') };
};

const vias = (targets: readonly ScrapeTarget[]): string =>
  targets.map(({ via, refused }) => refused ?? via ?? '-').join(' ');

describe('Ways', () => {
  it('limits connects to 1 s as long as another way follows', () => {
    const { one, direct } = listed('10.0.1.1:8080');

    const targets = new Ways(AUTO).targets(one, direct);

    assert.equal(vias(targets), 'direct gorouter');
    assert.deepEqual(
      targets.map(({ connectTimeoutMs }) => connectTimeoutMs),
      [1000, undefined],
    );
  });

  it('skips a way into a network where it fails, for all instances there, and no other', () => {
    const ways = new Ways(AUTO);
    const of = (address: string) => {
      const { one, direct } = listed(address);
      return ways.targets(one, direct);
    };
    for (const last of [1, 2, 3]) ways.heard(of(`10.0.1.${last}:8080`)[0]!, 'unreachable');

    assert.equal(vias(of('10.0.1.9:8080')), 'gorouter');
    assert.equal(vias(of('10.0.2.9:8080')), 'direct gorouter');
  });

  it('shuts no way for a space since apps of another one refuse connections', () => {
    const ways = new Ways(AUTO);
    const { one, direct } = listed('10.0.1.1:8080');
    const [hostile] = ways.targets(one, { ...direct, space: 'another' });
    for (let at = 0; at < 9; at++) ways.heard(hostile!, 'refused');

    assert.equal(vias(ways.targets(one, { ...direct, space: 'another' })), 'gorouter');
    assert.equal(vias(ways.targets(one, direct)), 'direct gorouter');
  });

  it('tries every way again where all are shut', () => {
    const ways = new Ways(AUTO);
    const { one, direct } = listed('10.0.1.1:8080');
    const all = ways.targets(one, direct);
    for (let at = 0; at < 3; at++) for (const target of all) ways.heard(target, 'refused');

    assert.equal(vias(ways.targets(one, direct)), 'direct gorouter');
  });

  it('learns nothing of a way from failures of the app, or from an end of the scrape', () => {
    for (const failure of ['aborted', 'timeout', 'tls-identity', 'over-budget'] as Failure[]) {
      const ways = new Ways(AUTO);
      const { one, direct } = listed('10.0.1.1:8080');
      const [first] = ways.targets(one, direct);
      for (let at = 0; at < 9; at++) ways.heard(first!, failure);
      assert.equal(vias(ways.targets(one, direct)), 'direct gorouter', failure);
    }
  });

  it('never asks without TLS since a way with TLS is shut', () => {
    const plain = { ...AUTO, router: { address: 'router:80', tls: false } };
    const ways = new Ways({ ...plain, hasCellCertificate: true });
    const route: Target['routes'][number] = {
      ...{ url: 'shop.example.com', host: 'shop.example.com', path: '', port: undefined },
      ...{ internal: false, identityAware: false, appPort: 8080 },
      protocol: 'http',
      appProtocol: 'http1',
    };
    const ports = [
      { appPort: 8080, external: undefined, externalTls: 61_002, internalTls: undefined },
    ];
    const { one, direct } = placeless(told({ routes: [route], ports }));
    assert.equal(vias(ways.targets(one, direct, { port: 8080 })), 'direct');

    const [only] = ways.targets(one, direct, { port: 8080 });
    for (let at = 0; at < 3; at++) ways.heard(only!, 'refused');

    assert.equal(vias(ways.targets(one, direct, { port: 8080 })), 'direct');
  });

  it("asks a declared port at the cell's TLS proxy port, by the name of the instance", () => {
    const ports = [{ appPort: 9090, external: 0, externalTls: 61_003, internalTls: undefined }];
    const { one, direct } = listed('10.0.9.9:61001');
    const known = { ...one, target: told({ ports }) };

    const [target] = new Ways({ ...AUTO, via: 'direct' }).targets(known, direct, { port: 9090 });

    assert.deepEqual(
      [target?.address, target?.tls, target?.serverName, target?.trust],
      ['10.0.9.9:61003', true, 'instance-guid', 'instances'],
    );
  });

  it('asks by no route that has a route service', () => {
    const route: Target['routes'][number] = {
      ...{ url: 'shop.apps.example.com/path', host: 'shop.apps.example.com', path: '/path' },
      ...{ port: undefined, internal: false, identityAware: false, appPort: 8080 },
      ...{ protocol: 'http' as const, appProtocol: 'http1' as const },
    };
    const { one, direct } = listed('10.0.1.1:8080');
    const endpoint = { ...one.endpoint, routeServiceUrl: 'https://service.example.com' };
    const target = told({ routes: [route] });

    assert.equal(vias(new Ways(AUTO).targets({ ...one, target }, direct)), 'direct gorouter');
    assert.equal(vias(new Ways(AUTO).targets({ ...one, target, endpoint }, direct)), 'direct');
  });

  it('asks for the stats of a process only if a page needs them, once', async () => {
    const asked: string[] = [];
    const wantStats = async (processId: string): Promise<void> => void asked.push(processId);
    const { one } = placeless(told());
    const two = { ...one, index: '1' };
    const prepare = async (options: Partial<WaysOptions>, port?: number): Promise<string[]> => {
      asked.length = 0;
      const ways = new Ways({ ...AUTO, ...options, wantStats });
      await ways.prepare([one, two], () => [{ port }]);
      return [...asked];
    };

    assert.deepEqual(await prepare({}), []);
    assert.deepEqual(await prepare({}, 9090), []); // no cell would take promgate's certificate
    assert.deepEqual(await prepare({ hasCellCertificate: true }), []); // gorouter leads there
    assert.deepEqual(await prepare({ hasCellCertificate: true }, 9090), [PROCESS]);
    assert.deepEqual(await prepare({ via: 'direct' }), [PROCESS]);
    assert.deepEqual(await prepare({ via: 'internal' }, 9090), []);
  });

  it('waits for the stats of a process once, however long the CF API takes', async () => {
    let asked = 0;
    const wantStats = (): Promise<void> => {
      asked += 1;
      return new Promise(() => undefined); // the budget of requests is used up
    };
    const ways = new Ways({ ...AUTO, via: 'direct', wantStats });
    const { one } = placeless(told());

    await ways.prepare([one], () => [], 1);

    assert.equal(
      ways.prepare([one], () => []),
      undefined,
    );
    assert.equal(asked, 2);
  });

  it('waits for the router once, and asks it again in the background', async () => {
    let nowMs = 0;
    let asked = 0;
    const probe = new RouterProbe({
      nowMs: () => nowMs,
      ask: async () => {
        asked += 1;
        return { failure: 'timeout' };
      },
    });
    const ways = new Ways({ ...AUTO, knowsProcesses: undefined, probe });
    const { one } = listed('10.0.1.1:80');

    await ways.prepare([one], () => []);
    assert.equal(
      ways.prepare([one], () => []),
      undefined,
    );
    assert.equal(asked, 1);
    nowMs = 30_000;
    assert.equal(
      ways.prepare([one], () => []),
      undefined,
    );
    assert.equal(asked, 2);
  });

  it('plans with the latest word of the CF API', () => {
    const ports = [{ appPort: 9090, external: 0, externalTls: 61_003, internalTls: undefined }];
    const { one, direct } = placeless(told());
    const ways = new Ways({ ...AUTO, via: 'direct', latest: () => told({ ports }) });

    assert.equal(ways.targets(one, direct, { port: 9090 })[0]?.address, '10.0.9.9:61003');
    assert.equal(guidOf('shop'), one.app.appId);
  });
});

describe('networkOf', () => {
  const of = (via: ScrapeTarget['via'], address: string): string => {
    const { direct } = listed('10.0.0.1:80');
    return networkOf({ ...direct, address, ...(via && { via }) });
  };

  it('is that of the cells, the router, or the app with its policy', () => {
    assert.equal(of('direct', '10.0.1.7:61001'), of('direct', '10.0.1.9:61004'));
    assert.notEqual(of('direct', '10.0.1.7:61001'), of('direct', '10.0.2.7:61001'));
    assert.equal(
      of('internal', '0.a.apps.internal:8080'),
      of('internal', '9.a.apps.internal:8080'),
    );
    assert.notEqual(
      of('internal', '0.a.apps.internal:8080'),
      of('internal', '0.b.apps.internal:8080'),
    );
    assert.notEqual(of('gorouter', '10.0.1.7:443'), of('identity', '10.0.1.7:443'));
  });
});
