import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { TokenScopes } from '../../src/store/tokens.ts';

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');

/** Tokens of which a poll brings the later ones. */
function scene({
  age = 0 as number | 'unread',
  later = [] as readonly string[],
  away = false,
  revoked = undefined as string | undefined,
} = {}) {
  const known = new Map([[hashOf('known'), 'its scope']]);
  const follower = {
    ageMs: age === 'unread' ? undefined : age,
    isBehind: revoked !== undefined,
    polls: 0,
    refresh: async () => {
      follower.polls += 1;
      for (const token of later) known.set(hashOf(token), `scope of ${token}`);
      if (revoked !== undefined && !away) known.delete(hashOf(revoked));
      return !away;
    },
  };
  const tokens = new TokenScopes({
    scopeOf: (hash) => known.get(hash),
    follower,
    maxStaleMs: 1000,
  });
  return { tokens, follower };
}

describe('TokenScopes', () => {
  it('opens what a known token opens without asking the store', async () => {
    const { tokens, follower } = scene();

    assert.equal(await tokens.scopeOf('known'), 'its scope');
    assert.equal(follower.polls, 0);
  });

  it('reads the change that another replica tells of before it trusts a token', async () => {
    const { tokens, follower } = scene({ revoked: 'known' });

    assert.equal(await tokens.scopeOf('known'), undefined);
    assert.equal(follower.polls, 1);
    const unreadable = scene({ revoked: 'known', away: true });
    assert.equal(await unreadable.tokens.scopeOf('known'), 'its scope');
  });

  it('asks once for an unknown token, which another replica may have given', async () => {
    const { tokens, follower } = scene({ later: ['fresh'] });

    assert.equal(await tokens.scopeOf('fresh'), 'scope of fresh');
    assert.equal(follower.polls, 1);
  });

  it('knows no scope for a token of nobody, nor for a text too long to be one', async () => {
    const { tokens, follower } = scene();

    assert.equal(await tokens.scopeOf('guessed'), undefined);
    assert.equal(await tokens.scopeOf('x'.repeat(257)), undefined);
    assert.equal(follower.polls, 1, 'the store is not asked for the long one');
  });

  it('is unsure of an unknown token that the store cannot be asked for', async () => {
    const { tokens } = scene({ away: true });

    assert.equal(await tokens.scopeOf('fresh'), 'unsure');
    assert.equal(await tokens.scopeOf('known'), 'its scope');
  });

  for (const age of [1001, 'unread'] as const) {
    it(`is unsure when the age of what is known is ${age}`, async () => {
      const { tokens } = scene({ age, away: true });

      assert.equal(await tokens.scopeOf('known'), 'unsure');
      assert.equal(await tokens.scopeOf('guessed'), 'unsure');
    });
  }
});
