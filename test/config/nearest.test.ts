import assert from 'node:assert/strict';
import { nearest } from '../../src/config/nearest.ts';

describe('nearest', () => {
  const names = ['timeout', 'max_timeout', 'concurrency'];

  it('finds what differs by a letter, a swap or its case', () => {
    for (const name of ['timout', 'timeotu', 'Timeout', 'TIMEOUT']) {
      assert.equal(nearest(name, names), '; did you mean timeout?');
    }
  });

  it('takes maxTimeout and max-timeout for max_timeout', () => {
    assert.equal(nearest('maxTimeout', names), '; did you mean max_timeout?');
    assert.equal(nearest('max-timeout', names), '; did you mean max_timeout?');
  });

  it('says nothing when nothing is near', () => assert.equal(nearest('colour', names), ''));
});
