import assert from 'node:assert/strict';
import {
  descriptorLimit,
  endpointDescriptors,
  planDescriptors,
} from '../../src/assemble/descriptors.ts';

const DEFAULTS = { concurrency: 512, maxConnections: 4096 };

describe('planDescriptors', () => {
  it('leaves the configuration as it is where there is enough', () => {
    const plan = planDescriptors(20_000, DEFAULTS);

    assert.deepEqual(plan, { ...DEFAULTS, maxOpen: 15_840, warning: undefined });
  });

  it('divides what there is between instances and readers, and says so', () => {
    const plan = planDescriptors(200, DEFAULTS);

    assert.equal(plan.concurrency, 68);
    assert.equal(plan.maxOpen, 68);
    assert.equal(plan.maxConnections, 68);
    assert.match(plan.warning ?? '', /limit of open files is 200.*need 4672.*68 instances/);
  });

  it('gives readers what instances cannot use', () => {
    const plan = planDescriptors(1024, DEFAULTS);

    assert.equal(plan.concurrency + plan.maxConnections, 960);
    assert.equal(plan.maxOpen, 480);
  });

  it('plans without bound where the system tells no limit', () => {
    assert.equal(planDescriptors(Number.POSITIVE_INFINITY, DEFAULTS).warning, undefined);
  });
});

describe('endpointDescriptors', () => {
  it('takes what instances and readers leave, and some of theirs if that is too little', () => {
    const shares = [Number.POSITIVE_INFINITY, 20_000, 5_000, 4_700, 1_024, 200, 65].map((limit) =>
      endpointDescriptors(limit, DEFAULTS, 128),
    );

    assert.deepEqual(shares, [1_152, 1_152, 328, 128, 120, 17, 1]);
    assert.equal(endpointDescriptors(20_000, DEFAULTS, 0), 0);
  });
});

describe('descriptorLimit', () => {
  it('is the limit that the process runs under', () => {
    assert.ok(descriptorLimit() >= 64);
  });
});
