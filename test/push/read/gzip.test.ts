import assert from 'node:assert/strict';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { gzipFile, zipPiece } from '../../../src/push/read/gzip.ts';

async function zipped(texts: readonly string[]): Promise<Buffer> {
  async function* pieces() {
    for (const text of texts) yield { zipped: () => zipPiece(Buffer.from(text)) };
  }
  return Buffer.concat(await Array.fromAsync(gzipFile(pieces())));
}

describe('gzipFile', () => {
  it('makes one file of pieces that were compressed one by one', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.string(),
            fc.nat(70_000).map((size) => 'ab'.repeat(size)),
          ),
        ),
        async (texts) => {
          assert.equal(gunzipSync(await zipped(texts)).toString(), texts.join(''));
        },
      ),
      { numRuns: 50 },
    ));

  it('makes the same of the same pieces in any order', async () => {
    const pieces = ['first\n'.repeat(9), 'second\n', 'third\n'.repeat(5_000)];

    const forth = gunzipSync(await zipped(pieces)).toString();
    const back = gunzipSync(await zipped(pieces.toReversed())).toString();

    assert.deepEqual([forth, back], [pieces.join(''), pieces.toReversed().join('')]);
  });

  it('takes little more room than compressing the whole at once', async () => {
    const pieces = Array.from({ length: 40 }, (_, piece) =>
      Array.from({ length: 512 }, (__, at) => {
        const job = piece * 512 + at;
        return `batch_seconds_total{instance="10.0.${job >> 8}.${job & 255}:80",job="b-${job}"} ${(job * 7919) % 100_003}\n`;
      }).join(''),
    );

    const ratio = (await zipped(pieces)).length / gzipSync(pieces.join(''), { level: 2 }).length;

    assert.ok(ratio < 1.1, `${ratio}`);
  });
});
