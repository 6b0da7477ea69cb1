import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseSizeBytes, printSize } from '../../src/config/quantity.ts';

describe('sizes', () => {
  const read: readonly [string, number][] = [
    ['0B', 0],
    ['64KB', 64_000],
    ['16MiB', 16 * 2 ** 20],
    ['1.5GiB', 1.5 * 2 ** 30],
    ['1TB', 1e12],
  ];
  for (const [text, bytes] of read) {
    it(`reads ${text}`, () => assert.equal(parseSizeBytes(text), bytes));
  }

  for (const text of ['', '16', '16M', '16 MiB', 'MiB', '-1KB', '1e3KB', '16mib', '99999999TiB']) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseSizeBytes(text), undefined));
  }

  it('are read back as printed', () => {
    fc.assert(
      fc.property(fc.nat(), (bytes) => {
        assert.equal(parseSizeBytes(printSize(bytes)), bytes);
      }),
    );
  });
});
