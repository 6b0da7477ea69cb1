import assert from 'node:assert/strict';
import { type Scope, sees } from '../../src/serve/scope.ts';

const IN_SPACE = { appId: 'a1', spaceId: 's1' };

describe('sees', () => {
  for (const [what, scope, identity, expected] of [
    ['everything to an operator', 'all', { appId: '', spaceId: '' }, true],
    ['its app to a binding', { appId: 'a1', spaceId: 's1' }, IN_SPACE, true],
    ['its app to a binding whose space is unknown', { appId: 'a1', spaceId: '' }, IN_SPACE, true],
    ['its app to a binding in upper case', { appId: 'A1', spaceId: 's1' }, IN_SPACE, true],
    [
      'its app to a binding of a space in upper case',
      { appId: 'a1', spaceId: 'S1' },
      IN_SPACE,
      true,
    ],
    ['its space to a key in upper case', { appId: undefined, spaceId: 'S1' }, IN_SPACE, true],
    ['no other app of the space to a binding', { appId: 'a2', spaceId: 's1' }, IN_SPACE, false],
    ['no app of another space to a binding', { appId: 'a1', spaceId: 's2' }, IN_SPACE, false],
    [
      'every app of its space to a service key',
      { appId: undefined, spaceId: 's1' },
      IN_SPACE,
      true,
    ],
    ['no other space to a service key', { appId: undefined, spaceId: 's2' }, IN_SPACE, false],
    ['nothing to a key without space', { appId: undefined, spaceId: '' }, IN_SPACE, false],
    [
      'no instance without guids to a key without space',
      { appId: undefined, spaceId: '' },
      { appId: '', spaceId: '' },
      false,
    ],
    [
      'no instance without guids to a binding without app',
      { appId: '', spaceId: '' },
      { appId: '', spaceId: '' },
      false,
    ],
  ] as const satisfies readonly (readonly [string, Scope, object, boolean])[]) {
    it(`shows ${what}`, () => {
      assert.equal(sees(scope, identity), expected);
    });
  }
});
