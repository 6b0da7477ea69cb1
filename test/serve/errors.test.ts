import assert from 'node:assert/strict';
import { FAILURES } from '../../src/fetch/failure.ts';
import { failureProblem, Problem, problemBody } from '../../src/serve/errors.ts';

describe('problems', () => {
  it('state title, status, detail and code, and what else is known', () => {
    const problem = new Problem('ambiguous', 'index 0 is held twice', { members: { index: '0' } });
    assert.deepEqual(JSON.parse(problemBody(problem).toString()), {
      title: 'Several instances match',
      status: 409,
      detail: 'index 0 is held twice',
      code: 'ambiguous',
      index: '0',
    });
  });

  it('make 502 or 504 of every failure of one instance', () => {
    for (const failure of FAILURES) {
      const { status, members } = failureProblem(failure, '10.0.0.1:80');
      assert.equal(status, failure === 'timeout' || failure === 'aborted' ? 504 : 502);
      assert.deepEqual(members, { failure });
    }
  });
});
