import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { PushMode } from '../../../src/push/push.ts';
import type { PushedPage } from '../../../src/push/pushed-page.ts';
import { ProtobufCursor } from '../../../src/push/read/protobuf.ts';
import { readBody } from '../../../src/push/read/read-body.ts';
import { PushRefusal } from '../../../src/push/refusal.ts';
import { bytesField, delimited, doubleField, varintField } from '../../support/metric-families.ts';

const contentType =
  'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';

function family(name: string, type: number, ...metrics: Buffer[]): Buffer {
  const fields = metrics.map((metric) => bytesField(4, metric));
  return delimited(Buffer.concat([bytesField(1, name), varintField(3, type), ...fields]));
}

function label(name: string, value: string): Buffer {
  return bytesField(1, Buffer.concat([bytesField(1, name), bytesField(2, value)]));
}

const COUNTER = bytesField(3, doubleField(1, 2));
const GAUGE = bytesField(2, doubleField(1, 1));

function histogram(...fields: Buffer[]): Buffer {
  return bytesField(7, Buffer.concat(fields));
}

function bucket(bound: number, count: number): Buffer {
  return bytesField(3, Buffer.concat([varintField(1, count), doubleField(2, bound)]));
}

async function read(body: Buffer, mode: PushMode): Promise<PushedPage> {
  return (await readBody(body, { contentType, mode, maxSeries: 10 })).page;
}

async function refused(body: Buffer, mode: PushMode): Promise<string> {
  try {
    await read(body, mode);
  } catch (error) {
    assert.ok(error instanceof PushRefusal, String(error));
    return `${error.code}: ${error.message}`;
  }
  return 'taken';
}

describe('readBody of protobuf', () => {
  it('reads a histogram with all of its buckets as one metric', async () => {
    const fields = [
      varintField(1, 5),
      doubleField(2, 3.5),
      bucket(2, 4),
      bucket(1, 3),
      bucket(Infinity, 5),
    ];

    const { families, values } = await read(
      family('h', 4, Buffer.concat([label('a', '1'), histogram(...fields)])),
      'aggregate',
    );

    assert.deepEqual(families[0]?.metrics, [
      { labels: [['a', '1']], bounds: [1, 2], at: 0, line: 0, native: undefined },
    ]);
    assert.deepEqual([...values], [5, 3.5, 3, 4]);
  });

  it('keeps native histograms in replace mode, and refuses them in aggregate mode', async () => {
    const message = Buffer.concat([
      varintField(1, 3),
      doubleField(2, 9),
      varintField(5, 6),
      bytesField(12, varintField(2, 1)),
    ]);
    const body = family('n', 4, histogram(message));

    const { families, values } = await read(body, 'replace');

    assert.deepEqual(families[0]?.metrics[0]?.native, message);
    assert.deepEqual([...values], [3, 9]);
    assert.equal(
      await refused(body, 'aggregate'),
      'native_histogram: the family n is a native histogram, which cannot be added up: push buckets, or replace a group',
    );
  });

  it('takes the last of two families of one name in replace mode alone', async () => {
    const body = Buffer.concat([family('a', 1, GAUGE), family('a', 0, COUNTER)]);

    const { families } = await read(body, 'replace');

    assert.deepEqual(
      families.map(({ type }) => type),
      ['counter'],
    );
    assert.match(await refused(body, 'aggregate'), /^bad_body: the family a occurs twice/);
  });

  it('counts timestamps in aggregate mode, and refuses them in replace mode', async () => {
    const body = family('a', 1, Buffer.concat([GAUGE, varintField(6, 1_700_000_000_000)]));

    assert.equal((await read(body, 'aggregate')).timestamps, 1);
    assert.equal(
      await refused(body, 'replace'),
      'timestamps: pushed metrics must not have timestamps',
    );
  });

  it('refuses what aggregate mode cannot add up', async () => {
    const bodies: readonly (readonly [body: Buffer, why: RegExp])[] = [
      [
        family('c', 0, bytesField(3, doubleField(1, NaN))),
        /^bad_value: the family c: a counter must be/,
      ],
      [family('h', 4, histogram(bucket(1, 2))), /^bad_histogram: .* neither a count nor a bucket/],
      [
        family('h', 4, histogram(varintField(1, 1), bucket(1, 2))),
        /^bad_histogram: .* below its last bucket/,
      ],
      [
        family('h', 4, histogram(varintField(1, 1), bucket(Infinity, 2))),
        /^bad_histogram: .* is not its count/,
      ],
      [
        family('h', 4, histogram(varintField(1, 3), bucket(1, 2), bucket(1, 2))),
        /^duplicate_series: .* bound 1 twice/,
      ],
      [
        family('h', 4, histogram(varintField(1, 3), doubleField(2, NaN))),
        /^bad_value: .* sum that is NaN/,
      ],
      [family('a', 1, GAUGE, Buffer.concat([label('x', ''), GAUGE])), /^duplicate_series/],
    ];
    for (const [body, why] of bodies) {
      assert.match(await refused(body, 'aggregate'), why);
      assert.equal(await refused(body, 'replace'), 'taken');
    }
  });

  it('refuses broken messages', async () => {
    const good = family('a', 1, GAUGE);
    const bodies: readonly (readonly [body: Buffer, why: RegExp])[] = [
      [good.subarray(0, -1), /truncated$/],
      [Buffer.from([0x80]), /truncated$/],
      [Buffer.alloc(11, 0xff), /more than 64 bits$/],
      [Buffer.from([2, 0x0b, 0]), /wire type 3/],
      [Buffer.from([2, 0x00, 0]), /number 0$/],
      [Buffer.from([2, 0x0d, 0]), /wire type 5, not 2$/],
      [family('', 1, GAUGE), /no valid name$/],
      [family('a', 9, GAUGE), /unknown type$/],
      [family('a', 1, COUNTER), /no gauge$/],
      [family('a', 1, Buffer.alloc(0)), /no gauge$/],
      [family('a', 1, Buffer.concat([label('', '1'), GAUGE])), /no valid name$/],
      [family('a', 1, Buffer.concat([label('__name__', '1'), GAUGE])), /no valid name$/],
      [family('a', 1, Buffer.concat([label('x', '1'), label('x', '2'), GAUGE])), /two labels x$/],
      [
        family('a', 1, Buffer.concat([bytesField(1, bytesField(1, Buffer.from([255]))), GAUGE])),
        /not UTF-8$/,
      ],
      [
        family('a', 1, Buffer.concat([label('x', 'y'.repeat(70_000)), GAUGE])),
        /more than 65536 bytes$/,
      ],
    ];
    for (const [body, why] of bodies) {
      assert.match(await refused(body, 'replace'), /^bad_body/);
      assert.match(await refused(body, 'aggregate'), why);
    }
  });

  it('stops at the bound on series', async () => {
    const metrics = Array.from({ length: 11 }, (_, n) =>
      Buffer.concat([label('n', String(n)), GAUGE]),
    );

    assert.match(await refused(family('a', 1, ...metrics), 'aggregate'), /^series_limit/);
  });
});

describe('ProtobufCursor', () => {
  it('rounds integers of 64 bits once', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (number) => {
        const bytes: number[] = [];
        let rest = number;
        for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
        bytes.push(Number(rest));

        assert.equal(new ProtobufCursor(Buffer.from(bytes)).varint(), Number(number));
      }),
    );
  });
});
