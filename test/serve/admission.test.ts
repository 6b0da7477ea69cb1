import assert from 'node:assert/strict';
import { Admission } from '../../src/serve/admission.ts';
import { Problem } from '../../src/serve/errors.ts';

function isRefused(admission: Admission, tenant: string | undefined): boolean {
  try {
    admission.enter(tenant);
    return false;
  } catch (error) {
    assert.ok(error instanceof Problem);
    assert.equal(error.status, 503);
    assert.equal(error.headers['Retry-After'], '5');
    return true;
  }
}

describe('Admission', () => {
  it('gives one tenant half of the requests, and an operator all that are left', () => {
    let refused = 0;
    const admission = new Admission({ maxRequests: 4, onRefused: () => refused++ });

    const first = admission.enter('a');
    admission.enter('a');
    assert.ok(isRefused(admission, 'a'), 'half of four');
    admission.enter('b');
    admission.enter(undefined);
    assert.ok(isRefused(admission, 'b') && isRefused(admission, undefined), 'all of them');

    first[Symbol.dispose]();
    assert.equal(admission.running, 3);
    assert.ok(!isRefused(admission, 'a'));
    assert.equal(refused, 3);
  });
});
