/** A failure of a way names the command that mends it, with the names of both apps. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import type { ScrapeTarget } from '../../src/fetch/target.ts';
import { wayAdvice } from '../../src/fetch/way-advice.ts';
import { instance } from '../serve/instances.ts';

const own = { appName: 'promgate', spaceName: 'monitoring', organizationName: 'platform' };
const shop = instance('shop', '0', '10.0.0.1:80');
const internal: Pick<ScrapeTarget, 'address' | 'host' | 'instance'> & { via: 'internal' } = {
  ...{ address: '0.shop.apps.internal:61443', host: 'shop.apps.internal' },
  via: 'internal',
  instance: shop,
};

describe('wayAdvice', () => {
  it('prints the network policy for a container that cannot be reached', () => {
    const context = { own, hasRouter: false };
    const command =
      'run: cf add-network-policy promgate shop -s dev -o acme --protocol tcp --port 61443';

    assert.equal(wayAdvice(internal, 'refused', context), command);
    assert.equal(wayAdvice(internal, 'unreachable', context), command);
    assert.equal(wayAdvice(internal, 'status-4xx', context), undefined);
    assert.equal(wayAdvice({ ...internal, via: 'direct' }, 'refused', context), undefined);
  });

  it('prints the route policy for an identity-aware route', () => {
    const target = { ...internal, via: 'identity', host: 'shop.apps.identity' } as const;

    assert.equal(
      wayAdvice(target, 'route-policy', { own, hasRouter: false }),
      'run: cf add-route-policy apps.identity --hostname shop --source-app promgate --source-space monitoring --source-org platform',
    );
  });

  it("says whose certificate the other side wants, and that of gorouter for a cell's", () => {
    const of = (via: 'direct' | 'identity') =>
      wayAdvice({ ...internal, via }, 'tls-client', { own, hasRouter: false }) ?? '';

    assert.match(of('direct'), /scrape\.tls\.cert.*scrape\.router/);
    assert.match(of('identity'), /router\.domains/);
  });

  it('names the router only while none is set', () => {
    assert.match(wayAdvice(internal, 'no-way', { own, hasRouter: false }) ?? '', /scrape\.router/);
    assert.doesNotMatch(
      wayAdvice(internal, 'no-way', { own, hasRouter: true }) ?? '',
      /scrape\.router/,
    );
  });

  it('quotes names for a shell, whatever developers call their apps', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme' }), (appName) => {
        const named = { ...shop, app: { ...shop.app, appName } };
        const advice = wayAdvice({ ...internal, instance: named }, 'refused', {
          ...{ own, hasRouter: false },
        });
        const [, words = ''] =
          /^run: cf add-network-policy promgate (.*) -s dev /s.exec(advice ?? '') ?? [];
        assert.match(words, /^(?:[A-Za-z0-9._-]+|'(?:[^']|'\\'')*')$/s);
        assert.doesNotMatch(words, /[\p{Cc}\u2028\u2029]/u);
      }),
    );
    const hostile = { ...shop, app: { ...shop.app, appName: "a'; echo $HOME `id`" } };
    const advice = wayAdvice({ ...internal, instance: hostile }, 'refused', {
      own,
      hasRouter: true,
    });
    const printed = (advice ?? '').replace('run: cf', "printf '%s\\n'");
    assert.equal(
      execFileSync('sh', ['-c', printed], { encoding: 'utf8' }).split('\n')[2],
      "a'; echo $HOME `id`",
    );
  });
});
