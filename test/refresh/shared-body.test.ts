import assert from 'node:assert/strict';
import fc from 'fast-check';
import { KeepBudget, SharedBody } from '../../src/refresh/shared-body.ts';

function bodyOf(maxKeptBytes: number, budgetBytes = 1e9) {
  const told: string[] = [];
  const body = new SharedBody({
    flow: { pause: () => told.push('pause'), resume: () => told.push('resume') },
    budget: new KeepBudget(budgetBytes),
    maxKeptBytes,
    onDeserted: () => told.push('deserted'),
  });
  return { body, told };
}

const KB = Buffer.alloc(1024, 'x');

describe('SharedBody', () => {
  it('lets a late reader read from the start while all of it is kept', () => {
    const { body } = bodyOf(1e6);
    body.attach();
    body.push(Buffer.from('one'));
    const late = body.attach();
    body.push(Buffer.from('two'));

    assert.equal(late.next()?.toString(), 'one');
    assert.equal(late.next()?.toString(), 'two');
    assert.equal(late.next(), undefined);
    assert.equal(body.end()?.toString(), 'onetwo');
    assert.equal(late.state, 'ended');
  });

  it('counts a kept body until its last reader has left', () => {
    const budget = new KeepBudget(1024);
    const flow = { pause: () => undefined, resume: () => undefined };
    const options = { flow, budget, maxKeptBytes: 1024, onDeserted: () => undefined };
    const body = new SharedBody(options);
    const reader = body.attach();
    body.push(KB);
    body.end();

    assert.equal(budget.take(1), false);
    assert.equal(reader.next(), KB);
    reader.leave();
    assert.equal(budget.take(1024), true);
  });

  it('gives up keeping past its bound, and then goes at the pace of the slowest reader', () => {
    const { body, told } = bodyOf(10 * 1024);
    const [fast, slow] = [body.attach(), body.attach()];
    for (let i = 0; i < 400; i++) {
      body.push(KB);
      while (fast.next());
    }

    assert.equal(body.keepsAll, false);
    assert.deepEqual(told, ['pause']);
    while (slow.next());
    assert.deepEqual(told, ['pause', 'resume']);
    assert.equal(body.end(), undefined);
  });

  it('gives up keeping where other bodies have used up the budget', () => {
    const { body } = bodyOf(1e6, 1_000);
    body.attach();
    body.push(KB);

    assert.equal(body.keepsAll, false);
  });

  it('is deserted when the last reader leaves before the end, and only then', () => {
    const { body, told } = bodyOf(1e6);
    const [first, second] = [body.attach(), body.attach()];
    first.leave();
    assert.deepEqual(told, []);
    second.leave();

    assert.deepEqual(told, ['deserted']);
  });

  it('gives every reader all bytes in order, however readers and origin take turns', () => {
    const move = fc.oneof(
      fc.nat(3).map((reader) => ({ reader })),
      fc.nat(5_000).map((bytes) => ({ bytes })),
    );
    fc.assert(
      fc.property(fc.array(move, { maxLength: 200 }), fc.nat(50_000), (moves, bound) => {
        const { body } = bodyOf(bound);
        const readers = [0, 1, 2, 3].map(() => ({ reader: body.attach(), got: [] as Buffer[] }));
        const sent: Buffer[] = [];
        for (const one of moves) {
          if ('reader' in one) {
            const chunk = readers[one.reader]!.reader.next();
            if (chunk) readers[one.reader]!.got.push(chunk);
          } else {
            const chunk = Buffer.alloc(one.bytes, sent.length % 256);
            sent.push(chunk);
            body.push(chunk);
          }
        }
        body.end();
        for (const { reader, got } of readers) {
          for (let chunk = reader.next(); chunk; chunk = reader.next()) got.push(chunk);
          assert.ok(Buffer.concat(got).equals(Buffer.concat(sent)));
        }
      }),
    );
  });
});
