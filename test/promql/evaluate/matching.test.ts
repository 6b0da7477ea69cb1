/** How series of two vectors find their partners. */
import { holds } from './holds.ts';

const SIDES = `
  load 1m
    errors{job="a", code="500"} 1
    errors{job="a", code="502"} 2
    errors{job="b", code="500"} 3
    requests{job="a", team="x"} 10
    requests{job="b", team="y"} 30
    requests{job="c", team="z"} 50
`;

describe('vector matching', () => {
  it('ignores the name, and all labels that are ignored', async () => {
    await holds(`${SIDES}
      eval instant at 0 errors{code="500"} / ignoring(code, team) requests
        {job="a"} 0.1
        {job="b"} 0.1
    `);
  });

  it('refuses two partners unless a side is said to have many', async () => {
    await holds(`${SIDES}
      eval instant at 0 errors / on(job) requests
        expect fail msg: multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)
      eval instant at 0 requests / on(job) errors
        expect fail msg: found duplicate series for the match group {job="a"} on the right hand-side of the operation: [{__name__="errors", code="500", job="a"}, {__name__="errors", code="502", job="a"}];many-to-many matching not allowed: matching labels must be unique on one side
    `);
  });

  it('copies the listed labels from the one side to the many', async () => {
    await holds(`${SIDES}
      eval instant at 0 errors / on(job) group_left(team) requests
        {job="a", code="500", team="x"} 0.1
        {job="a", code="502", team="x"} 0.2
        {job="b", code="500", team="y"} 0.1
      eval instant at 0 requests * on(job) group_right errors{job="a"}
        {job="a", code="500"} 10
        {job="a", code="502"} 20
    `);
  });

  it('fills the values of missing partners', async () => {
    await holds(`${SIDES}
      eval instant at 0 errors{code="502"} + on(job) fill(0) requests
        {job="a"} 12
        {job="b"} 30
        {job="c"} 50
    `);
  });

  it('keeps the left value where a comparison holds, and the name with it', async () => {
    await holds(`${SIDES}
      eval instant at 0 errors > 1
        errors{job="a", code="502"} 2
        errors{job="b", code="500"} 3
      eval instant at 0 2 < errors
        errors{job="b", code="500"} 3
      eval instant at 0 errors > bool 2
        {job="a", code="500"} 0
        {job="a", code="502"} 0
        {job="b", code="500"} 1
    `);
  });

  it('lets partners change from step to step', async () => {
    await holds(`
      load 1m
        a 1 2 3 4
        b{version="1"} 10 10 stale
        b{version="2"} _ _ 20 20
      eval range from 0 to 3m step 1m a * on() group_left(version) b
        {version="1"} 10 20
        {version="2"} _ _ 60 80
    `);
  });
});

describe('set operators', () => {
  it('compare label sets without the name', async () => {
    await holds(`${SIDES}
      eval instant at 0 requests and on(job) errors{code="502"}
        requests{job="a", team="x"} 10
      eval instant at 0 requests unless on(job) errors
        requests{job="c", team="z"} 50
      eval instant at 0 errors{code="502"} or on(job) requests
        errors{job="a", code="502"} 2
        requests{job="b", team="y"} 30
        requests{job="c", team="z"} 50
    `);
  });
});

describe('arithmetic', () => {
  it('follows IEEE 754, and the dividend gives the sign of a remainder', async () => {
    await holds(`
      eval instant at 0 -7 % 3
        -1
      eval instant at 0 1 / 0
        +Inf
      eval instant at 0 1 ^ NaN
        1
      eval instant at 0 -1 ^ 2
        -1
      eval instant at 0 2 ^ 3 ^ 2
        512
    `);
  });

  it('remarks on operands that no operator takes', async () => {
    await holds(`
      load 1m
        h {{schema:0 sum:1 count:1 buckets:[1]}}
      eval instant at 0 h + 1
        expect info msg: PromQL info: incompatible sample types encountered for binary operator "+": histogram + float (1:1)
    `);
  });
});
