import assert from 'node:assert/strict';
import { type Scope, sees } from '../../src/serve/scope.ts';

const A1 = '0fc1ad4f-e6e6-4f4e-8f52-0e0b0c1d2e3a';
const A2 = '0fc1ad4f-e6e6-4f4e-8f52-0e0b0c1d2e3b';
const S1 = 'b6b0c7d2-3c1a-4f6e-9d1e-8a7b6c5d4e3f';
const S2 = 'b6b0c7d2-3c1a-4f6e-9d1e-8a7b6c5d4e30';
const IN_SPACE = { appId: A1, spaceId: S1 };

describe('sees', () => {
  for (const [what, scope, identity, expected] of [
    ['everything to an operator', 'all', { appId: '', spaceId: '' }, true],
    ['its app to a binding', { appId: A1, spaceId: S1 }, IN_SPACE, true],
    ['its app to a binding whose space is unknown', { appId: A1, spaceId: '' }, IN_SPACE, true],
    [
      'its app to a binding in upper case',
      { appId: A1.toUpperCase(), spaceId: S1 },
      IN_SPACE,
      true,
    ],
    [
      'its app to a binding of a space in upper case',
      { appId: A1, spaceId: S1.toUpperCase() },
      IN_SPACE,
      true,
    ],
    [
      'its space to a key in upper case',
      { appId: undefined, spaceId: S1.toUpperCase() },
      IN_SPACE,
      true,
    ],
    ['nothing to a binding that pushes', { pushes: { tenant: 'a', labels: [] } }, IN_SPACE, false],
    ['no other app of the space to a binding', { appId: A2, spaceId: S1 }, IN_SPACE, false],
    ['no app of another space to a binding', { appId: A1, spaceId: S2 }, IN_SPACE, false],
    ['every app of its space to a service key', { appId: undefined, spaceId: S1 }, IN_SPACE, true],
    ['no other space to a service key', { appId: undefined, spaceId: S2 }, IN_SPACE, false],
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
