/** What docs/reach.md says of ways, words, keys and commands is what the program does. */
import assert from 'node:assert/strict';
import { FAILURES } from '../../src/fetch/failure.ts';
import { routerFailure } from '../../src/fetch/router-answer.ts';
import { VIAS } from '../../src/fetch/way.ts';
import { wayAdvice } from '../../src/fetch/way-advice.ts';
import { instance } from '../serve/instances.ts';
import { readDoc } from '../support/doc-words.ts';

const text = readDoc('reach.md');
const own = { appName: 'promgate', spaceName: 'monitoring', organizationName: 'platform' };

describe('docs/reach.md', () => {
  it('has the ways in the order in which auto tries them', () => {
    const [table = ''] = /^\| way \|.*?\n\n/ms.exec(text) ?? [];
    const rows = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, way]) => way);

    assert.deepEqual(rows, VIAS);
  });

  it('has the words for what gorouter says of itself', () => {
    const [table = ''] = /^\| `X-Cf-RouterError` \|.*?\n\n/ms.exec(text) ?? [];
    const rows = [...table.matchAll(/^\| (`.*`.*) \| `([a-z-]+)` \|$/gm)];
    const said = rows.flatMap(([, words = '', failure]) =>
      [...words.matchAll(/`([^`]+)`/g)].map(([, word = '']) => [word, failure] as const),
    );

    assert.equal(rows.length, 4);
    for (const [word, failure] of said) {
      for (const kind of word.includes('…_') ? ['app', 'process'] : ['(EOF)']) {
        const header = { 'x-cf-routererror': word.replace('…', kind) };
        assert.equal(routerFailure({ via: 'gorouter' }, 502, header), failure, word);
      }
    }
  });

  it('has the commands that failures print', () => {
    const shop = instance('shop', '0', '10.0.0.1:80');
    const context = { own, hasRouter: false };
    const asked = {
      instance: shop,
      address: '0.shop.apps.internal:8080',
      host: 'shop.apps.identity',
    };
    for (const [via, failure] of [
      ['internal', 'refused'],
      ['identity', 'route-policy'],
    ] as const) {
      const advice = wayAdvice({ ...asked, via }, failure, context) ?? '';
      assert.ok(text.includes(`\n${advice.replace('run: ', '')}\n`), advice);
    }
  });

  it('names only keys and words that there are', () => {
    const reference = readDoc('configuration.md');
    const keys = [...text.matchAll(/`((?:scrape|routes)\.[a-z_.]+)/g)].map(([, key = '']) => key);
    const words = [...text.matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)].map(([, word = '']) => word);

    const others = ['max-request-size-exceeded']; // gorouter's own word
    assert.ok(keys.length > 5 && words.length > 5);
    for (const key of keys) {
      const own = key.slice(key.indexOf('.') + 1); // the reference has a table for each section
      assert.ok(reference.includes(`| \`${own}\``), key);
    }
    for (const word of words) assert.ok([...FAILURES, ...others].includes(word), word);
  });
});
