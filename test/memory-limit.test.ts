/** The memory that promgate takes for its budgets. */
import assert from 'node:assert/strict';
import { totalmem } from 'node:os';
import { memoryBytes, parseMemoryLimit } from '../src/memory-limit.ts';

describe('memoryBytes', () => {
  it('is the limit of the container, in either form of Cloud Foundry', () => {
    assert.equal(memoryBytes('64M'), 67_108_864);
    assert.equal(memoryBytes('64m'), 67_108_864);
    assert.equal(parseMemoryLimit('1G'), 1_073_741_824);
    assert.equal(parseMemoryLimit('512KB'), 524_288);
  });

  it('is never more than what the machine has', () => {
    assert.ok(memoryBytes('999999G') <= totalmem());
    assert.ok(memoryBytes(undefined) <= totalmem());
  });

  for (const text of ['', '0M', '-1M', '256', 'lots', '1.5G', '256M of it']) {
    it(`takes no notice of ${JSON.stringify(text)}, which is no size of the platform`, () => {
      assert.equal(parseMemoryLimit(text), undefined);
      assert.equal(memoryBytes(text), memoryBytes(undefined));
    });
  }
});
