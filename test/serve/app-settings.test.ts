/** What an app declares is the default of its settings, and a binding comes before it. */
import assert from 'node:assert/strict';
import type { BoundApp } from '../../broker/known-bindings.ts';
import type { DeclaredEndpoint } from '../../src/discover/target.ts';
import { UNBOUND, withDeclared } from '../../src/serve/app-settings.ts';
import { instance } from './instances.ts';

const { app } = instance('shop', '0', '10.0.0.1:80');
const PAGE = UNBOUND.pages[0]!;

function declared(more: Partial<DeclaredEndpoint>): DeclaredEndpoint {
  const none = { port: undefined, host: '' } as const;
  return { from: 'annotation', scheme: undefined, path: '/metrics', ...none, ...more };
}

const settings = (own: BoundApp, ...all: readonly DeclaredEndpoint[]) =>
  withDeclared(
    () => own,
    () => all,
  )(app);
const placed = ({ pages }: BoundApp) =>
  pages.map(({ path, port, host, onlyTls }) => [path, port, host, onlyTls]);

describe('withDeclared', () => {
  it('takes declared paths, ports and hosts of an app without bindings', () => {
    const found = settings(
      UNBOUND,
      declared({ path: '/own', port: 9090 }),
      declared({ from: 'registrar', path: '/b', host: 'b.example.com' }),
      declared({ from: 'registrar', path: '/s', port: 9091, scheme: 'https' }),
    );

    assert.deepEqual(placed(found), [
      ['/own', 9090, '', false],
      ['/b', undefined, 'b.example.com', false],
      ['/s', 9091, '', true],
    ]);
  });

  it('gives way to a binding that names a path or a port', () => {
    for (const more of [{ path: '/bound' }, { port: 7070 }]) {
      const own: BoundApp = { ...UNBOUND, pages: [{ ...PAGE, ...more }] };
      assert.equal(settings(own, declared({ path: '/own' })), own);
    }
  });

  it('keeps the headers and filters of a binding that names no path', () => {
    const own: BoundApp = {
      ...{ process: 'all', cacheMs: 5000 },
      pages: [{ ...PAGE, headers: ['X-Own', '1'], deny: ['go_*'] }],
    };

    const { process, cacheMs, pages } = settings(own, declared({ path: '/own' }));

    assert.deepEqual([process, cacheMs], ['all', 5000]);
    assert.deepEqual(
      [pages[0]?.path, pages[0]?.headers, pages[0]?.deny],
      ['/own', ['X-Own', '1'], ['go_*']],
    );
  });

  it('gives the same object until the settings or the declarations change', () => {
    const all = [declared({ path: '/own' })];
    const other = [declared({ path: '/own' })];
    let own = UNBOUND;
    let now: readonly DeclaredEndpoint[] | undefined = all;
    const settingsOf = withDeclared(
      () => own,
      () => now,
    );
    const first = settingsOf(app);

    assert.equal(settingsOf(app), first);
    now = other;
    assert.notEqual(settingsOf(app), first);
    now = all;
    assert.equal(settingsOf(app), first);
    own = { ...UNBOUND };
    assert.notEqual(settingsOf(app), first);
    now = undefined;
    assert.equal(settingsOf(app), own);
  });

  it('asks the same page once, and never more than its bound', () => {
    const same = settings(UNBOUND, declared({}), declared({ from: 'registrar' }));
    assert.equal(same.pages.length, 1);

    const many = Array.from({ length: 99 }, (_, at) => declared({ path: `/${at}` }));
    assert.equal(settings(UNBOUND, ...many).pages.length, 32);
  });
});
