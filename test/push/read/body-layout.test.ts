import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { PushMode } from '../../../src/push/push.ts';
import type { BodyLayout } from '../../../src/push/read/body-layout.ts';
import { type PushedBody, readBody } from '../../../src/push/read/read-body.ts';
import { PushRefusal } from '../../../src/push/refusal.ts';

const OPENMETRICS = 'application/openmetrics-text';

/** `$` stands for a value. */
const BODIES: readonly (readonly [text: string, contentType: string])[] = [
  ['# HELP a Help.\n# TYPE a counter\na{x="1"} $\na{x="2"} $\nb $\n', ''],
  ['a $\n# TYPE g gauge\ng{y="2",x=""} $', ''],
  [
    '# TYPE h histogram\nh_bucket{le="2"} $\nh_bucket{le="1"} $\nh_bucket{le="+Inf"} $\nh_sum $\nh_count $\n',
    '',
  ],
  [
    '# TYPE h histogram\nh_bucket{le="1"} $\nh_bucket{le="+Inf"} $\nh_sum{x="1"} $\nh_count{x="1"} $\n',
    '',
  ],
  ['# TYPE s summary\ns{quantile="0.5"} $\ns{quantile="0.1"} $\ns_count $\n', ''],
  ['# TYPE s summary\ns_sum $\nx_sum $\nx_total $\n', ''],
  [
    '# TYPE c counter\nc_total{x="1"} $\nc_created{x="1"} $\n# TYPE i info\ni_info $\n# EOF\n',
    OPENMETRICS,
  ],
];

const value = fc.oneof(
  fc.constantFrom('0', '1', '2', '2', '3', '3.5', '-1', 'NaN', '+Inf', '1e3', '1e-07', '007'),
  fc.constantFrom('', '0x1', '1 1', '1 ', '-', '1\n', '5_0', '1e999', '1.2.3', ' 1', '# 1'),
  fc.double().map(String),
  fc.nat().map(String),
);
const modes = fc.constantFrom<PushMode>('aggregate', 'replace');

function fill(text: string, values: readonly string[]): Buffer {
  let at = 0;
  return Buffer.from(text.replace(/\$/g, () => values[at++ % values.length] ?? '1'));
}

async function read(
  bytes: Buffer,
  contentType: string,
  mode: PushMode,
): Promise<PushedBody | string> {
  try {
    return await readBody(bytes, { contentType, mode, maxSeries: 100 });
  } catch (error) {
    if (error instanceof PushRefusal) return error.code;
    throw error;
  }
}

async function layoutOf(
  text: string,
  contentType = '',
  mode: PushMode = 'aggregate',
): Promise<BodyLayout> {
  const { layout } = await readBody(fill(text, ['1']), { contentType, mode, maxSeries: 100 });
  const made = layout();
  assert.ok(made);
  return made;
}

describe('BodyLayout', () => {
  it('reads what the full reading reads, or nothing', async () => {
    let taken = 0;
    const body = fc.constantFrom(...BODIES);
    const values = fc.array(value, { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(body, values, modes, async ([text, contentType], changed, mode) => {
        const layout = await layoutOf(text, contentType, mode);
        const bytes = fill(text, changed);
        const known = layout.read(bytes);
        if (known === undefined) return;
        taken++;
        const full = await read(Buffer.from(bytes), contentType, mode);
        assert.ok(typeof full !== 'string', `the full reading refuses: ${String(full)}`);
        assert.deepEqual(known, full.page.values);
        assert.deepEqual(layout.page.families, full.page.families);
      }),
      { numRuns: 2_000 },
    );
    assert.ok(taken > 200, `only ${taken} bodies were read`);
  });

  it('reads no body whose text differs', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...BODIES),
        fc.nat(),
        fc.nat(255),
        async ([text, contentType], at, byte) => {
          const layout = await layoutOf(text, contentType, 'replace');
          const bytes = fill(text, ['1']);
          bytes[at % bytes.length] = byte;
          const known = layout.read(bytes);
          if (known === undefined) return;
          const full = await read(Buffer.from(bytes), contentType, 'replace');
          assert.ok(typeof full !== 'string');
          assert.deepEqual([known, layout.page.families], [full.page.values, full.page.families]);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('reads no body that is shorter or longer', async () => {
    const layout = await layoutOf('a $\nb $\n');

    const lengths = ['a 1\nb 2\n', 'a 1\nb 2', 'a 1\nb 2\n\n', 'a 1\n', '', 'a 1\nb '].map(
      (text) => layout.read(Buffer.from(text)) !== undefined,
    );

    assert.deepEqual(lengths, [true, false, false, false, false, false]);
  });

  it('is not made of bodies with timestamps, exemplars, or values that touch the name', async () => {
    const bodies = [
      ['a 1 5\n', ''],
      ['a-1\n', ''],
      ['a_total 1 # {} 1\n# EOF\n', OPENMETRICS],
    ] as const;
    const layouts = bodies.map(async ([text, contentType]) => {
      const { layout } = await readBody(Buffer.from(text), {
        contentType,
        mode: 'aggregate',
        maxSeries: 9,
      });
      return layout();
    });

    assert.deepEqual(await Promise.all(layouts), [undefined, undefined, undefined]);
  });

  it('takes about as much memory as the body', async () => {
    const text = Array.from(
      { length: 200 },
      (_, n) => `metric_of_some_name{label="${n}"} $\n`,
    ).join('');
    const { layout } = await readBody(fill(text, ['1']), {
      contentType: '',
      mode: 'aggregate',
      maxSeries: 999,
    });

    const sizeBytes = layout()?.sizeBytes ?? 0;

    assert.ok(sizeBytes > text.length && sizeBytes < 1.5 * text.length, String(sizeBytes));
  });
});
