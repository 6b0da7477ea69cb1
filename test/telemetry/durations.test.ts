import assert from 'node:assert/strict';
import { Durations } from '../../src/telemetry/durations.ts';

describe('Durations', () => {
  it('counts each value in its bucket and all above, as Prometheus has it', () => {
    const durations = new Durations([0.1, 1]);
    for (const seconds of [0.1, 0.5, 1, 7]) durations.observe(seconds);

    const lines = durations
      .samples({ handler: 'a' })
      .map(
        ({ suffix, labels, value }) => `${suffix} ${labels['handler']} ${labels['le']} ${value}`,
      );

    assert.deepEqual(lines, [
      ...['_bucket a 0.1 1', '_bucket a 1 3', '_bucket a +Inf 4'],
      ...['_sum a undefined 8.6', '_count a undefined 4'],
    ]);
  });
});
