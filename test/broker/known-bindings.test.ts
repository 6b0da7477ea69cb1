import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Binding } from '../../broker/binding-store.ts';
import { KnownBindings, type TokenScope } from '../../broker/known-bindings.ts';
import { bindingSettings } from '../../broker/parameters.ts';

let revisions = 0;

/** A binding of app `a1` in space `s1`, created after those made before. */
function binding(parameters: object, more: Partial<Binding> = {}): Binding {
  revisions += 1;
  return {
    id: `b${revisions}`,
    instanceId: 'i1',
    serviceId: 'service',
    planId: 'plan',
    appId: 'a1',
    spaceId: 's1',
    parameters: JSON.stringify(parameters),
    sealedHeaders: undefined,
    tokenHash: `hash of ${revisions}`,
    sealedToken: 'sealed',
    revision: revisions,
    ...more,
  };
}

/** Knows these bindings; headers stand among their parameters here. */
function known(bindings: readonly Binding[]): KnownBindings {
  const settingsOf = ({ parameters }: Binding) => bindingSettings(JSON.parse(parameters));
  const result = new KnownBindings({ settingsOf });
  result.apply({ revision: revisions, whole: true, bindings, removed: [] });
  return result;
}

const paths = (bindings: KnownBindings, app = 'a1') =>
  bindings.appOf(app, 's1')?.pages.map(({ path }) => path);

/** What a token reads; undefined for one that reads nothing. */
function readable(bindings: KnownBindings, tokenHash: string): TokenScope | undefined {
  const scope = bindings.scopeOf(tokenHash);
  return scope && 'appId' in scope ? scope : undefined;
}

describe('KnownBindings', () => {
  it('knows an app by its guid in upper and lower case', () => {
    const guid = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
    const one = binding({ endpoint: '/a' }, { appId: guid.toUpperCase() });
    const two = binding({ endpoint: '/b' }, { appId: guid });
    const bindings = known([one, two]);

    assert.deepEqual(paths(bindings, guid), ['/a', '/b']);

    bindings.apply({ revision: revisions, whole: false, bindings: [], removed: [one.id] });
    assert.deepEqual(paths(bindings, guid), ['/b']);
  });

  it('knows the space of an app in upper and lower case', () => {
    const space = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
    const bindings = known([binding({ endpoint: '/a' }, { spaceId: space.toUpperCase() })]);

    assert.deepEqual(
      bindings.appOf('a1', space)?.pages.map(({ path }) => path),
      ['/a'],
    );
  });

  it('unites the endpoints of all bindings of an app in the order of their creation', () => {
    const first = binding({ endpoint: '/one', endpoints: [{ path: '/two' }] });
    const second = binding({ endpoints: [{ path: '/three' }, { path: '/one' }] });

    assert.deepEqual(paths(known([second, first])), ['/one', '/two', '/three']);
  });

  it('asks the same path at another container port as another page', () => {
    const first = binding({ endpoint: '/a', port: 9090 });
    const second = binding({ endpoints: [{ path: '/a' }, { path: '/a', port: 9090 }] });
    const third = binding({ port: 7070 }, { appId: 'a2' });
    const bindings = known([first, second, third]);
    const places = (appId: string) =>
      bindings.appOf(appId, 's1')?.pages.map(({ path, port }) => [path, port]);

    assert.deepEqual(places('a1'), [
      ['/a', 9090],
      ['/a', undefined],
    ]);
    assert.deepEqual(places('a2'), [[undefined, 7070]]);
  });

  it('leaves the path to the reader when no binding has an endpoint', () => {
    assert.deepEqual(paths(known([binding({}), binding({ timeout: '5s' })])), [undefined]);
    assert.deepEqual(paths(known([binding({}), binding({ endpoint: '/m' })])), ['/m']);
  });

  it('takes the token of a binding that a restored backup holds under the same number', () => {
    const lost = binding({}, { tokenHash: 'lost' });
    const bindings = known([lost]);

    const restored = { ...lost, tokenHash: 'restored' };
    bindings.apply({ revision: 1, whole: true, bindings: [restored], removed: [] });

    assert.equal(bindings.scopeOf('lost'), undefined);
    assert.equal(readable(bindings, 'restored')?.appId, 'a1');
  });

  it('knows nothing of an app without bindings', () => {
    assert.equal(known([binding({})]).appOf('a2', 's1'), undefined);
    assert.equal(known([binding({}, { appId: undefined })]).appOf('a1', 's1'), undefined);
  });

  it('uses no more of the bindings of one app than its bounds, and tells of it', () => {
    const bounded: string[] = [];
    const bindings = new KnownBindings({
      settingsOf: ({ parameters }) => bindingSettings(JSON.parse(parameters)),
      onBound: (appId) => bounded.push(appId),
    });
    const many = Array.from({ length: 300 }, (_, at) => {
      const named = (prefix: string) => ({ [`${prefix}${at}`]: 'x' });
      const endpoints = Array.from({ length: 16 }, (_, n) => ({ path: `/${at}/${n}` }));
      const shared = { path: '/shared', labels: named('l') };
      return binding({ endpoints: [shared, ...endpoints], headers: named('X-') });
    });
    bindings.apply({ revision: 1, whole: true, bindings: many, removed: [] });

    const { pages } = bindings.appOf('a1', 's1')!; // it has bindings

    assert.equal(pages.length, 32);
    assert.deepEqual([pages[0]?.path, pages[1]?.path], ['/shared', '/0/0']);
    assert.equal(pages[0]?.labels.length, 20);
    assert.equal(pages[0]?.headers.length, 64);
    assert.deepEqual(bounded, ['a1']);
    assert.deepEqual(known([binding({})]).appOf('a1', 's1')?.pages.length, 1);
  });

  it('believes no binding of another space than the app is in', () => {
    const [own, foreign] = [{ endpoint: '/own' }, { endpoint: '/foreign' }];
    const bindings = known([
      binding(foreign, { spaceId: 's2' }),
      binding(own, { spaceId: 's1' }),
      binding({ endpoint: '/unknown' }, { spaceId: '' }),
    ]);
    const inSpace = (spaceId: string) =>
      bindings.appOf('a1', spaceId)?.pages.map(({ path }) => path);

    assert.deepEqual(inSpace('s1'), ['/own', '/unknown']);
    assert.deepEqual(inSpace('s2'), ['/foreign', '/unknown']);
    assert.deepEqual(inSpace(''), ['/unknown']);
    assert.equal(known([binding(foreign, { spaceId: 's2' })]).appOf('a1', 's1'), undefined);
  });

  it('leaves the other bindings when one goes', () => {
    const [first, second] = [binding({ endpoint: '/one' }), binding({ endpoint: '/two' })];
    const bindings = known([first, second]);
    paths(bindings);

    bindings.apply({ revision: 9, whole: false, bindings: [], removed: [first.id, 'unknown'] });

    assert.deepEqual(paths(bindings), ['/two']);
    assert.equal(bindings.scopeOf(first.tokenHash), undefined);
  });

  it('takes a binding that was removed and created again for the new one', () => {
    const old = binding({ endpoint: '/old' });
    const bindings = known([old]);
    const fresh = binding({ endpoint: '/new' }, { id: old.id });

    bindings.apply({ revision: 9, whole: false, bindings: [fresh], removed: [old.id] });

    assert.deepEqual(paths(bindings), ['/new']);
    assert.equal(bindings.scopeOf(old.tokenHash), undefined);
    assert.equal(readable(bindings, fresh.tokenHash)?.appId, 'a1');
  });

  it('gives a page what its earliest binding says, and from later ones what that leaves open', () => {
    const bindings = known([
      binding({ endpoint: '/m', labels: { tier: 'gold' }, headers: { Authorization: 'first' } }),
      binding({
        endpoint: '/m',
        labels: { tier: 'tin', team: 'x' },
        headers: { authorization: 'second', 'X-More': 'yes' },
        timeout: '5s',
        allow: ['up'],
      }),
    ]);

    assert.deepEqual(bindings.appOf('a1', 's1')?.pages, [
      {
        path: '/m',
        headers: ['Authorization', 'first', 'X-More', 'yes'],
        timeoutMs: 5000,
        labels: [
          ['tier', 'gold'],
          ['team', 'x'],
        ],
        allow: ['up'],
        deny: [],
      },
    ]);
  });

  it("adds an endpoint's labels to those of its binding, whose values they replace", () => {
    const parameters = {
      labels: { tier: 'gold', team: 'x' },
      endpoints: [{ path: '/m', labels: { tier: 'tin' } }],
    };

    assert.deepEqual(known([binding(parameters)]).appOf('a1', 's1')?.pages[0]?.labels, [
      ['tier', 'tin'],
      ['team', 'x'],
    ]);
  });

  for (const [processes, expected] of [
    [[undefined], 'web'],
    [['worker'], 'worker'],
    [[undefined, 'worker'], 'worker'],
    [['worker', 'worker'], 'worker'],
    [['web', 'worker'], 'all'],
    [['all', 'web'], 'all'],
  ] as const) {
    it(`means ${expected} processes when bindings say ${processes.join(', ') || 'none'}`, () => {
      const bindings = processes.map((process) => binding({ process }));

      assert.equal(known(bindings).appOf('a1', 's1')?.process, expected);
    });
  }

  it('opens the app to a token, and the space to that of a service key', () => {
    const [bound, key] = [binding({}), binding({}, { appId: undefined, spaceId: 's2' })];
    const bindings = known([bound, key]);
    const { appId, spaceId } = readable(bindings, bound.tokenHash)!; // just added

    assert.deepEqual([appId, spaceId], ['a1', 's1']);
    assert.equal(readable(bindings, key.tokenHash)?.appId, undefined);
    assert.equal(readable(bindings, key.tokenHash)?.spaceId, 's2');
    assert.equal(bindings.scopeOf('no such hash'), undefined);
  });

  it('lets the token of a binding that pushes read no app, and the binding change no page', () => {
    const place = { push: { organization_id: 'o1', organization_name: 'org', app_name: 'shop' } };
    const pushing = binding(place);
    const bindings = known([pushing]);

    assert.equal(bindings.appOf('a1', 's1'), undefined);
    assert.deepEqual(bindings.scopeOf(pushing.tokenHash), {
      pushes: {
        tenant: 'app:a1@s1',
        labels: [
          ['app_id', 'a1'],
          ['app_name', 'shop'],
          ['organization_id', 'o1'],
          ['organization_name', 'org'],
          ['space_id', 's1'],
        ],
      },
    });

    bindings.apply({ revision: revisions, whole: false, bindings: [], removed: [pushing.id] });
    assert.equal(bindings.scopeOf(pushing.tokenHash), undefined);
  });

  it('gives each app, and each space of a key that pushes, a tenant of its own', () => {
    const tenantOf = (more: Partial<Binding>, place: object = {}) => {
      const one = binding({ push: place }, more);
      const scope = known([one]).scopeOf(one.tokenHash);
      return scope && 'pushes' in scope ? scope.pushes.tenant : undefined;
    };
    const guid = '7C9E6679-7425-40DE-944B-E07FC1F90AE7';

    assert.equal(tenantOf({ appId: undefined }), 'space:s1');
    assert.equal(tenantOf({ spaceId: '' }), 'app:a1');
    assert.equal(tenantOf({ spaceId: 's2' }, { app_name: 'x' }), 'app:a1@s2');
    assert.equal(tenantOf({ appId: guid }), `app:${guid.toLowerCase()}@s1`);
  });

  it('knows app and space where a stored place is damaged', () => {
    const damaged = { ...binding({}), parameters: '{"push":{"organ' };

    assert.deepEqual(known([damaged]).scopeOf(damaged.tokenHash), {
      pushes: {
        tenant: 'app:a1@s1',
        labels: [
          ['app_id', 'a1'],
          ['space_id', 's1'],
        ],
      },
    });
  });

  it('is after any changes as if it had been told only of what is left', () => {
    const step = fc.record({
      id: fc.constantFrom('b1', 'b2', 'b3', 'b4'),
      remove: fc.boolean(),
      app: fc.constantFrom('a1', 'a2', undefined),
      path: fc.constantFrom('/x', '/y', undefined),
      whole: fc.nat(9).map((one) => one === 0),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const left = new Map<string, Binding>();
        const bindings = known([]);
        for (const { id, remove, app: appId, path: endpoint, whole } of steps) {
          left.delete(id);
          const added = remove ? [] : [binding({ endpoint }, { id, appId })];
          for (const one of added) left.set(id, one);
          const all = [...left.values()];
          bindings.apply({ revision: 1, whole, bindings: whole ? all : added, removed: [id] });
        }

        const fresh = known([...left.values()]);
        assert.equal(bindings.size, left.size);
        for (const app of ['a1', 'a2'])
          assert.deepEqual(bindings.appOf(app, 's1'), fresh.appOf(app, 's1'));
        for (let at = 1; at <= revisions; at += 1) {
          const hash = `hash of ${at}`;
          assert.equal(bindings.scopeOf(hash), fresh.scopeOf(hash));
        }
        revisions = 0;
      }),
    );
  });
});
