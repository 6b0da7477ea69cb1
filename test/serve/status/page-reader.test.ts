/** The browser's reader of pages; it runs in Node as well. */
import assert from 'node:assert/strict';
import fc from 'fast-check';

interface Read {
  readonly bytes: number;
  readonly samples: number;
  readonly dropped: number;
  readonly families: ReadonlyMap<
    string,
    { readonly type: string; readonly lines: readonly string[] }
  >;
}

type ReadPage = (
  stream: ReadableStream<Uint8Array>,
  onProgress: (read: Read) => void,
) => Promise<Read>;

const PLACE = new URL('../../../src/serve/status/page/page-reader.js', import.meta.url);

/** The file is JavaScript, and its types are checked with the page's own. */
async function reader(): Promise<ReadPage> {
  const { readPage } = (await import(PLACE.href)) as { readonly readPage: ReadPage };
  return readPage;
}

function streamOf(bytes: Uint8Array, sizes: readonly number[]): ReadableStream<Uint8Array> {
  let at = 0;
  let turn = 0;
  return new ReadableStream({
    pull: (controller) => {
      const size = sizes[turn++ % sizes.length] ?? 1;
      if (at < bytes.length) controller.enqueue(bytes.subarray(at, at + size));
      else controller.close();
      at += size;
    },
  });
}

const PAGE = `# HELP orders Orders, ä.
# TYPE orders_total counter
orders_total{a="ü # x"} 1
orders_total{a="y"} 2
# TYPE took_seconds histogram
took_seconds_bucket{le="1"} 1
took_seconds_sum 1
took_seconds_count 1
lonely 1`;

describe('the reader of pages in the browser', () => {
  it('sorts the lines into families, however the bytes arrive', async () => {
    const readPage = await reader();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        async (sizes) => {
          const bytes = new TextEncoder().encode(PAGE);

          const read = await readPage(streamOf(bytes, sizes), () => undefined);

          assert.equal(read.bytes, bytes.length);
          assert.equal(read.samples, 6);
          assert.equal(read.dropped, 0);
          assert.equal(read.families.get('took_seconds')?.type, 'histogram');
          assert.equal(read.families.get('took_seconds')?.lines.length, 3);
          assert.deepEqual(read.families.get('orders_total')?.lines, [
            'orders_total{a="ü # x"} 1',
            'orders_total{a="y"} 2',
          ]);
          assert.deepEqual(read.families.get('lonely')?.lines, ['lonely 1']);
        },
      ),
    );
  });

  it('keeps at most 32 Mi characters and 20,000 families, and counts the rest', async () => {
    const readPage = await reader();
    const long = `x{a="${'y'.repeat(2 ** 20)}"} 1\n`.repeat(40);
    const many = Array.from({ length: 21_000 }, (_, at) => `m${at} 1\n`).join('');
    const bytes = new TextEncoder().encode(many + long);

    const read = await readPage(streamOf(bytes, [65_536]), () => undefined);

    const kept = [...read.families.values()].flatMap(({ lines }) => lines);
    assert.equal(read.samples, 21_040);
    assert.equal(kept.length + read.dropped, 21_040);
    assert.ok(read.families.size <= 20_000);
    assert.ok(kept.reduce((sum, line) => sum + line.length, 0) <= 2 ** 25);
  });
});
