import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { BodyReader } from '../../src/fetch/body-reader.ts';
import { Budget } from '../../src/fetch/budget.ts';
import type { ResponseHeaders } from '../../src/fetch/get.ts';
import { HEAVY_BYTES, Pacer } from '../../src/fetch/pacer.ts';

const PIECE = Buffer.alloc(65_536, 'x');

/** A reader whose owner notes what it is told, and whose turns the test gives. */
function reading(
  headers: ResponseHeaders,
  { maxBytes = 10_000_000, budgetBytes = 20_000_000 } = {},
) {
  const told: string[] = [];
  const turns: (() => void)[] = [];
  const budget = new Budget({ maxBytes: budgetBytes });
  const lease = budget.lease();
  const account = budget.open(lease, 's', {
    bytesGranted: () => reader.granted(),
    bytesRefused: () => told.push('refused'),
  });
  budget.grow(account, 1_000);
  const reader: BodyReader = new BodyReader({
    owner: {
      space: 's',
      input: { pause: () => told.push('pause'), resume: () => told.push('resume') },
      bodyCame: (body) => told.push(`came ${body.length}`),
      bodyFailed: (failure) => told.push(failure),
    },
    ...{ budget, account, maxBytes, headers, freesInput: false },
    pacer: new Pacer((turn) => turns.push(turn)),
  });
  reader.begin();
  return { ...{ reader, told, budget, lease }, nextTurn: () => turns.shift()?.() };
}

describe('BodyReader', () => {
  it('tells its owner of the whole body once, plain or gzipped', () => {
    const plain = reading({ 'content-length': '6' });
    plain.reader.write(Buffer.from('up '));
    plain.reader.write(Buffer.from('1\n\n'));
    plain.reader.end();
    const zipped = reading({ 'content-encoding': ' X-GZIP ' });
    zipped.reader.write(gzipSync('up 1\n'));
    zipped.reader.end();

    assert.deepEqual(plain.told, ['came 6']);
    assert.deepEqual(zipped.told, ['came 5']);
  });

  it('fails what is announced as too large, but believes no length of what is gzipped', () => {
    const plain = reading({ 'content-length': '101' }, { maxBytes: 100 });
    const zipped = reading(
      { 'content-length': '101', 'content-encoding': 'gzip' },
      { maxBytes: 100 },
    );

    assert.deepEqual(plain.told, ['too-large']);
    assert.deepEqual(zipped.told, []);
  });

  it('tells damaged gzip from gzip that is cut off', () => {
    const damaged = reading({ 'content-encoding': 'gzip' });
    damaged.reader.write(Buffer.from('no gzip at all'));
    damaged.reader.end();
    const cut = reading({ 'content-encoding': 'gzip' });
    cut.reader.write(gzipSync('up 1\n').subarray(0, 15));
    cut.reader.end();

    assert.deepEqual(damaged.told, ['invalid']);
    assert.deepEqual(cut.told, ['truncated']);
  });

  it('pauses its input while a large body waits for its turn, and goes on when the turn comes', () => {
    const { reader, told, nextTurn } = reading({});
    let bytes = 0;
    for (; !told.includes('pause'); bytes += PIECE.length) reader.write(PIECE);
    assert.ok(bytes > HEAVY_BYTES);

    nextTurn();

    assert.deepEqual(told, ['pause', 'resume']);
  });

  it('pauses its input while it waits for room, and ends once room has come', () => {
    const { reader, told, budget, lease } = reading({}, { budgetBytes: 200_000 });
    const other = budget.open(budget.lease(), 'other', {
      bytesGranted: () => undefined,
      bytesRefused: () => undefined,
    });
    budget.grow(other, 150_000);
    reader.write(PIECE);
    assert.deepEqual(told, ['pause']);
    reader.end();
    assert.deepEqual(told, ['pause']);

    budget.close(other);

    assert.deepEqual(told, ['pause', `came ${PIECE.length}`]);
    lease[Symbol.dispose]();
    assert.equal(budget.usedBytes, 0);
  });

  it('says nothing any more once it was stopped', () => {
    const { reader, told, nextTurn } = reading({});
    while (!told.includes('pause')) reader.write(PIECE);
    reader.stop();

    nextTurn();
    reader.write(PIECE);
    reader.end();

    assert.deepEqual(told, ['pause']);
  });
});
