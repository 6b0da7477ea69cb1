/** All formats: what is printed is read back, and what is broken is refused. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { FamilyType } from '../../../src/exposition/grammar.ts';
import { sortLabels } from '../../../src/push/labels.ts';
import {
  GAUGE_MODES,
  isCompound,
  type PushedFamily,
  type PushedPage,
} from '../../../src/push/pushed-page.ts';
import { type BodyOptions, readBody } from '../../../src/push/read/read-body.ts';
import { PushRefusal } from '../../../src/push/refusal.ts';
import { printProtobuf, printText } from '../../support/metric-families.ts';

const PROTOBUF =
  'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

const text = fc.oneof(
  fc.constantFrom('', 'a', '"', '\\', '\n', '\\n', 'é', '日本', '#', '{}', ' x '),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
);
const labelName = fc.constantFrom('a', 'b', 'job', 'instance', 'c.d', 'ü', '__x', 'Z');
const labels = fc
  .uniqueArray(
    fc.tuple(
      labelName,
      text.filter((value) => value !== ''),
    ),
    { maxLength: 5, selector: ([name]) => name },
  )
  .map((pairs) => sortLabels(pairs));
const number = fc.oneof(
  fc.nat().map(Number),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 }),
  fc.constantFrom(0, 1, 0.1, 1e15 + 0.3),
);
const bounds = fc
  .uniqueArray(
    fc.oneof(
      fc.constantFrom(0.005, 0.1, 1, 2.5, 10, -1, 1e9),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
    ),
    { maxLength: 6, selector: (bound) => bound + 0 },
  )
  .map((all) => all.map((bound) => bound + 0).toSorted((a, b) => a - b));

interface Drawn {
  readonly labels: PushedFamily['metrics'][number]['labels'];
  readonly bounds: readonly number[];
  readonly numbers: readonly number[];
  readonly hasSum: boolean;
}

/** The run of values of a metric of this type. */
function runOf(type: FamilyType, { numbers, bounds: own, hasSum }: Drawn): number[] {
  const at = (place: number): number => numbers[place % numbers.length]!; // there is at least one
  if (!isCompound(type)) return [at(0)];
  const values = own.map((_, place) => at(place));
  const cumulative = type === 'summary' ? values : values.toSorted((a, b) => a - b);
  const whole = Math.floor(Math.min(at(1), 2 ** 50)); // protobuf counts observations in integers
  const count = type === 'summary' ? whole : Math.max(at(1), cumulative.at(-1) ?? 0);
  return [count, hasSum ? at(2) : Number.NaN, ...cumulative];
}

const SUFFIXES: Partial<Record<FamilyType, string>> = { counter: '_total', info: '_info' };

/** Pages with families of these types. */
function pages(types: readonly FamilyType[], modes: boolean): fc.Arbitrary<PushedPage> {
  const metric = fc.record({
    labels,
    bounds,
    numbers: fc.array(number, { minLength: 1, maxLength: 8 }),
    hasSum: fc.boolean(),
  });
  const family = fc.record({
    name: fc.constantFrom('m', 'http_seconds', 'x:y', 'dotted.name', 'q"uote', 'ä'),
    type: fc.constantFrom(...types),
    help: fc.oneof(
      fc.constant(''),
      text.map((one) => `Help ${one}`),
    ),
    gaugeMode: modes
      ? fc.option(fc.constantFrom(...GAUGE_MODES), { nil: undefined })
      : fc.constant(undefined),
    metrics: fc.uniqueArray(metric, {
      minLength: 1,
      maxLength: 6,
      selector: (one) => JSON.stringify(one.labels),
    }),
  });
  return fc.uniqueArray(family, { maxLength: 4, selector: ({ name }) => name }).map((drawn) => {
    const values: number[] = [];
    const families = drawn.map(({ metrics, name, type, gaugeMode, ...rest }) => ({
      ...rest,
      gaugeMode: type === 'gauge' ? gaugeMode : undefined,
      ...{ type, unit: '', name: `${name}${SUFFIXES[type] ?? ''}` },
      metrics: metrics.map((one) => {
        const at = values.length;
        values.push(...runOf(type, one));
        return { labels: one.labels, bounds: isCompound(type) ? one.bounds : [], at, line: 0 };
      }),
    }));
    return { families, values: Float64Array.from(values), timestamps: 0 };
  });
}

async function read(bytes: Buffer, options: Partial<BodyOptions>): Promise<PushedPage> {
  const { page } = await readBody(bytes, {
    contentType: '',
    mode: 'aggregate',
    maxSeries: 1_000,
    ...options,
  });
  return page;
}

/** Without the lines of metrics, and what only protobuf has. */
function comparable({ families, values, timestamps }: PushedPage): unknown {
  const own = families.map((family) => ({
    ...family,
    metrics: family.metrics.map(({ labels: pairs, bounds: all, at }) => ({
      labels: pairs,
      bounds: all,
      at,
    })),
  }));
  return { families: own, values, timestamps };
}

const ALL: readonly FamilyType[] = ['counter', 'gauge', 'histogram', 'summary', 'unknown'];

describe('readBody', () => {
  it('reads back what is printed as text', async () => {
    await fc.assert(
      fc.asyncProperty(pages(ALL, true), async (page) => {
        const back = await read(printText(page, 'text'), {});
        assert.deepEqual(comparable(back), comparable(page));
      }),
      { numRuns: 500 },
    );
  });

  it('reads back what is printed as OpenMetrics', async () => {
    const types = [...ALL, 'gaugehistogram', 'info', 'stateset'] as const;
    await fc.assert(
      fc.asyncProperty(pages(types, true), async (page) => {
        const back = await read(printText(page, 'openmetrics'), { contentType: OPENMETRICS });
        assert.deepEqual(comparable(back), comparable(page));
      }),
      { numRuns: 500 },
    );
  });

  it('reads back what is printed as protobuf', async () => {
    await fc.assert(
      fc.asyncProperty(pages([...ALL, 'gaugehistogram'], false), async (page) => {
        const back = await read(printProtobuf(page), { contentType: PROTOBUF });
        assert.deepEqual(comparable(back), comparable(page));
      }),
      { numRuns: 500 },
    );
  });

  it('throws nothing but refusals, whatever the bytes are', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      pages(ALL, true).map((page) => printText(page, 'text')),
      pages(ALL, false).map((page) => printProtobuf(page)),
    );
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 });
    const types = fc.constantFrom('', OPENMETRICS, PROTOBUF);
    await fc.assert(
      fc.asyncProperty(
        bytes,
        changes,
        types,
        fc.constantFrom('aggregate', 'replace'),
        async (drawn, changed, contentType, mode) => {
          const body = Buffer.from(drawn);
          for (const [at, byte] of changed) if (body.length > 0) body[at % body.length] = byte;
          try {
            await read(body, { contentType, mode });
          } catch (error) {
            assert.ok(error instanceof PushRefusal, String(error));
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('unwraps text in a JSON string', async () => {
    await fc.assert(
      fc.asyncProperty(pages(ALL, true), async (page) => {
        const body = Buffer.from(JSON.stringify(printText(page, 'text').toString()));
        assert.deepEqual(comparable(await read(body, {})), comparable(page));
      }),
      { numRuns: 100 },
    );
  });

  it('takes the text that is not a JSON string, or replaces a group, as it is', async () => {
    const bodies = [
      ['"a 1', 'aggregate'],
      ['"a 1" x', 'aggregate'],
      ['"a 1\\n"', 'replace'],
    ] as const;
    for (const [body, mode] of bodies) {
      await assert.rejects(read(Buffer.from(body), { mode }), { code: 'bad_body' });
    }
  });

  it('takes protobuf for text if its type lacks a parameter', async () => {
    const contentType = 'application/vnd.google.protobuf; encoding=delimited';

    const { families } = await read(Buffer.from('a 1\n'), { contentType });

    assert.equal(families[0]?.name, 'a');
  });

  it('lets other work run while it reads a large body', async () => {
    const body = Buffer.from(
      Array.from({ length: 200_000 }, (_, n) => `a{n="${n}"} ${n}\n`).join(''),
    );
    let turns = 0;
    const count = setInterval(() => turns++, 1);

    const page = await read(body, { maxSeries: 200_000 });
    clearInterval(count);

    assert.equal(page.values.length, 200_000);
    assert.ok(turns > 5, `${turns} turns`);
  });
});
