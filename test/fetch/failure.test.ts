import assert from 'node:assert/strict';
import { FAILURES, isGone } from '../../src/fetch/failure.ts';

describe('isGone', () => {
  it('says so of the failures after which gorouter prunes an endpoint', () => {
    assert.deepEqual(
      FAILURES.filter((failure) => isGone(failure)),
      ['refused', 'unreachable', 'tls-identity', 'tls'],
    );
  });
});
