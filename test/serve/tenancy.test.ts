import assert from 'node:assert/strict';
import { Problem } from '../../src/serve/errors.ts';
import { readableTenant, tenancyOf } from '../../src/serve/tenancy.ts';

describe('tenancyOf', () => {
  it('is the common tenant for operators, who read the metrics of all tenants', () => {
    assert.deepEqual(tenancyOf('all'), { tenant: '', forced: [] });
    assert.equal(readableTenant('all'), undefined);
  });

  it('is the tenant of a binding that pushes, which reads its own metrics', () => {
    const labels = [['app_id', 'a1']] as const;
    const scope = { pushes: { tenant: 'app:a1', labels } };

    assert.deepEqual(tenancyOf(scope), { tenant: 'app:a1', forced: labels });
    assert.equal(readableTenant(scope), 'app:a1');
  });

  it('is refused for a token that reads the pages of apps', () => {
    const isForbidden = (error: unknown) => error instanceof Problem && error.code === 'forbidden';

    for (const scope of [
      { appId: 'a1', spaceId: 's1' },
      { appId: undefined, spaceId: 's1' },
    ]) {
      assert.throws(() => tenancyOf(scope), isForbidden);
      assert.throws(() => readableTenant(scope), isForbidden);
    }
  });
});
