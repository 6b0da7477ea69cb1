import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { type Body, toBody } from '../../src/exposition/body.ts';
import { ExpositionError } from '../../src/exposition/error.ts';
import { type Grammar, OPENMETRICS, TEXT } from '../../src/exposition/grammar.ts';
import { LabelNames } from '../../src/exposition/label-names.ts';
import { FamilyTable } from '../../src/merge/families.ts';
import { Indexer, type IndexerOptions } from '../../src/merge/indexer.ts';
import { kernel } from '../../src/merge/kernel.ts';
import { NameFilter } from '../../src/merge/name-filter.ts';
import { type PageIndex, SPAN } from '../../src/merge/page-index.ts';

const KERNEL = new URL('../../src/merge/kernel.wasm', import.meta.url);
const ROOT = new URL('../../', import.meta.url);

const line = (name: string, value: string): string => `${name}{x="1"} ${value}\n`;

describe('the scan of lines by the kernel', () => {
  it('is what its source says', () => {
    const folder = mkdtempSync(join(tmpdir(), 'kernel-'));
    try {
      const compiled = join(folder, 'kernel.wasm');
      execFileSync('npm', ['run', '--silent', 'build:kernel', '--', '--outFile', compiled], {
        cwd: ROOT,
      });

      assert.ok(readFileSync(KERNEL).equals(readFileSync(compiled)), 'run npm run build:kernel');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('has all it works on in its memory', () => {
    const module = new WebAssembly.Module(readFileSync(KERNEL));
    const { END, memory } = new WebAssembly.Instance(module).exports as {
      readonly END: { readonly value: number };
      readonly memory: WebAssembly.Memory;
    };

    assert.ok(END.value <= memory.buffer.byteLength, `${END.value} bytes`);
    for (const [name, value] of Object.entries(kernel())) assert.ok(value !== undefined, name);
  });

  it('finds in any page what is found by parsing every line', () => {
    for (const grammar of [TEXT, OPENMETRICS]) {
      const end = grammar === OPENMETRICS ? '# EOF\n' : '';
      const pages = fc.array(
        fc
          .array(anyLine(grammar), { maxLength: 30, size: 'max' })
          .map((lines) => lines.join('') + end),
        { minLength: 1, maxLength: 4 },
      );
      const options = fc.record({
        renames: fc.boolean(),
        reserved: fc.constantFrom(
          new LabelNames([]),
          new LabelNames(['job', 'instance', 'organization_id', 'organization_name', 'x']),
        ),
      });
      fc.assert(
        fc.property(pages, options, (texts, chosen) => {
          assertSameIndex(texts, { grammar, ...chosen });
        }),
        { numRuns: 2_000 },
      );
    }
  });

  for (const grammar of [TEXT, OPENMETRICS]) {
    const end = grammar === OPENMETRICS ? '# EOF\n' : '';
    const first = [1, 2, 3].map((n) => line(`metric_${n}`, '1')).join('') + end;

    it(`takes the values that a parsed page may have: ${grammar.format}`, () => {
      fc.assert(
        fc.property(backs(grammar), (back) => {
          const page = first.replace('metric_2{x="1"} 1', `metric_2{x="1"} ${back}`);

          assertSameIndex([first, page], { grammar });
        }),
        { numRuns: 1_000 },
      );
    });
  }

  it('tells lines from each other that differ in a byte, or are cut off', () => {
    const long = line(`name_${'x'.repeat(60)}`, '1.5');
    const first = `${line('b', '1')}# TYPE a counter\n${line('a', '1')}${long}# end\na 3\n`;
    fc.assert(
      fc.property(fc.nat(first.length), fc.constantFrom('', 'a', '1', '\n', '"'), (at, put) => {
        const changed = first.slice(0, at) + put + first.slice(at + 1);

        assertSameIndex([first, first, changed, first.slice(0, at)]);
      }),
      { numRuns: 1_000 },
    );
  });

  it('does not take over what stands in its window from a page before', () => {
    const lines = (name: string, from: number, to: number): string =>
      Array.from({ length: to - from }, (_, n) => `${name}{x="${from + n}"} 1\n`).join('');
    const ends = Array.from({ length: 50 }, (_, n) => `m${10 + n}{x="99"} 1\n`).join('');
    const longer = lines('mmm', 10, 60) + ends;

    assertSameIndex([longer, longer]);
    assertSameIndex([
      Array.from({ length: 50 }, (_, n) => `q${10 + n}{x="99"} 1\n`).join(''),
      Array.from({ length: 50 }, (_, n) => `q${10 + n}{x="99"} 1\n`).join('') + ends,
    ]);
  });

  it('goes on where a window on the page ends, wherever that is in a line', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 0, max: 99 }), (long, at) => {
        const names = Array.from({ length: 65_536 / (long + 12) + 20 }, (_, n) =>
          n % 3 === 0 ? `f${at}` : `f${n}_`.padEnd(long, 'x'),
        );

        assertSameIndex(
          ['1', '22.5', '333'].map((value) => names.map((name) => line(name, value)).join('')),
        );
      }),
      { numRuns: 30 },
    );
  });

  it('goes on with the shortest lines there are', () => {
    const page = (value: string): string => `a ${value}\nb ${value}\n`.repeat(30_000);

    assertSameIndex([page('1'), page('2'), page('3')]);
  });

  it('scans pages and lines that are longer than its windows', () => {
    const page = (value: string): string =>
      [65_400, 65_000, 10, 30_000, 20]
        .map((length, n) => `f${n}{x="${'y'.repeat(length)}"} ${value}\n`)
        .join('') +
      Array.from({ length: 30_000 }, (_, n) => line(`metric_of_some_length_${n}`, value)).join('');

    assertSameIndex([page('1'), page('2.5')]);
  });

  it('does not scan a page with a line longer than all windows', () => {
    const page = (value: string): string =>
      `a ${value}\nb{x="${'y'.repeat(1_500_000)}"} ${value}\nc ${value}\n`;

    assertSameIndex([page('1'), page('2.5')]);
  });

  it('scans long pages with many runs of a few names', () => {
    const names = ['a', 'b', 'c', 'd'];
    const first = names.map((name) => `# TYPE ${name} gauge\n${`${name} 1\n`.repeat(14)}\n`);
    const jumps = names.map((name) => `# TYPE ${name} gauge\n${`${name} 1\n`.repeat(13)}`).join('');

    assertSameIndex([first.join('m 1\n'.repeat(60_000)), jumps.repeat(500)]);
  });

  it('refuses what is too much, as parsing does', () => {
    const runs = `# TYPE a gauge\n${'a 1\nb 1\n'.repeat(100_000)}`;
    const families = Array.from({ length: 90_000 }, (_, n) => `# TYPE f${n} gauge\n`).join('');
    const names = `# HELP f0 All.\n${families}`;

    assertSameIndex([runs, `${runs}# HELP a It.\n${runs}`]);
    assertSameIndex([names, `${names}# HELP f0 Other.\n${names}# HELP f0 x\n${names}`]);
    assertSameIndex(['a 1\nb 1\n'.repeat(100_000), 'a 1\nb 1\n'.repeat(125_000)]);
    assertSameIndex(['a 1\nb 1\n'.repeat(100_000), `${'a 1\nb 1\n'.repeat(125_000)}a 1\n`]);
  });

  it('knows what a page has declared of a name that it learns later with two suffixes', () => {
    const declared = ' # TYPE late histogram\nlate_bucket_total 1\nlate_bucket{le="1"} 1\n';

    assertSameIndex([`${declared}x 1\nlate_bucket{le="2"} 1\nlate_sum 2\n`]);
  });

  it('takes no name for a shorter one and a value', () => {
    assertSameIndex(['a-1\n', 'a1 5\n', 'aNaN\n']);
    assertSameIndex(['b 1\na+1\n', 'b 2\na1 5\n']);
  });

  it('keeps the pages of two merges apart that are scanned in turn', () => {
    const pages = ['a', 'b'].map(
      (name) => (value: string) =>
        Array.from({ length: 40_000 }, (_, n) => line(`${name}${n % 7}`, value)).join(''),
    );
    const indexers = pages.map(() => newIndexer({}));
    for (const [at, page] of pages.entries())
      indexed(indexers[at]!.indexer, toBody(Buffer.from(page('1'))));
    const bodies = pages.map((page) => toBody(Buffer.from(page('22'))));

    const walks = indexers.map(({ indexer }, at) => indexer.index(bodies[at]!));
    let steps = walks.map((walk) => walk.next());
    for (let turns = 0; !steps.every(({ done }) => done); turns++) {
      assert.ok(turns < 100);
      steps = steps.map((step, at) => (step.done ? step : walks[at]!.next()));
    }

    for (const [at, { value }] of steps.entries()) {
      const alone = newIndexer({ scan: false });
      indexed(alone.indexer, toBody(Buffer.from(pages[at]!('1'))));
      assert.deepEqual(
        told(value as PageIndex, indexers[at]!.families),
        told(indexed(alone.indexer, bodies[at]!), alone.families),
      );
    }
  });

  it('takes pages of which none is like another', () => {
    const page = (n: number): string =>
      ['a', 'b', 'c', 'd', 'e'].map((name) => line(`${name}_${n}`, '1')).join('');

    assertSameIndex([0, 1, 2, 3, 4, 5, 6, 6, 7, 7, 7].map(page));
  });

  it('leaves out and counts what is not wanted, promgate’s own, and what is honoured', () => {
    const page = (value: string): string =>
      [
        `# TYPE wanted counter\nwanted{instance="own"} ${value}\n`,
        `unwanted ${value}\nunwanted{app_id=""} ${value}\nwanted 1\n`,
        `# TYPE promgate_instance_up gauge\npromgate_instance_up ${value}\n`,
        `wanted{app_id="x",instance=""} ${value}\n`,
      ].join('');

    assertSameIndex([page('1'), page('2'), page('3')], {
      reserved: new LabelNames(['app_id', 'instance']),
      honored: 2,
      filter: new NameFilter({ allow: ['wanted'], deny: [] }),
    });
  });
});

/** Whatever may stand where a value is expected: mostly nearly a number. */
function backs({ format }: Grammar): fc.Arbitrary<string> {
  const characters = [...'0123456789', ...'00..eE+--_adDx \t#', 'NaN', 'Inf', '1e'];
  const further = format === 'text' ? ' \t1700000000000 ' : ' # {t="x"} 1';
  return fc.oneof(
    fc.string({ unit: fc.constantFrom(...characters), maxLength: 40 }),
    fc.double().map(String),
    fc.double().map((value) => `${value}${further}`),
    fc
      .tuple(fc.nat(9), fc.stringMatching(/^[0-9]{0,20}[ .e-]?[0-9]{0,2}$/))
      .map(([value, timestamp]) => `${value} ${timestamp}`),
    fc.constantFrom(
      'NaN',
      '-NaN',
      '+Inf',
      '-Inf',
      '1e99',
      '1e400',
      '1e-400',
      '.',
      '-',
      '-.',
      '1.',
      '1.2.3',
      '..5',
    ),
    fc.integer({ min: 25, max: 40 }).map((digits) => '1'.repeat(digits)),
    fc.integer({ min: 25, max: 40 }).map((digits) => `0.${'1'.repeat(digits)}`),
  );
}

/** Lines that are as most are, and others that a rule is about. */
function anyLine({ format }: Grammar): fc.Arbitrary<string> {
  const names = ['a', 'a_total', 'h', 'h_bucket', 'h_sum', 'h_count', 'h_created', 'job:rate:5m'];
  const name = fc.constantFrom(
    ...names,
    'promgate_up',
    '1a',
    '',
    'a-b',
    'a_name_of_more_than_16_bytes',
  );
  const labelName = fc.constantFrom(
    ...[
      'le',
      'job',
      'instance',
      'organization_id',
      'organization_nam',
      'organization_name',
      'x',
      'y',
    ],
    ...[
      'exported_job',
      'exported',
      '__name__',
      '_',
      'a:b',
      '1',
      'organization_a',
      'organization_b',
    ],
  );
  const value = fc.constantFrom(
    ...['', '1', '+Inf', 'a\\"b', 'c\\\\', '}', '{', 'é', ' # ', '\\', '"', ','],
    'v'.repeat(20),
  );
  const label = fc.tuple(labelName, value).map(([one, text]) => `${one}="${text}"`);
  const separator = fc.oneof(
    { weight: 20, arbitrary: fc.constant(',') },
    fc.constantFrom(', ', ' ,', ',,', ''),
  );
  const labels = fc
    .tuple(
      fc.array(
        fc.oneof({ weight: 10, arbitrary: label }, fc.constantFrom('"q"', 'x = "1"', 'x=1')),
      ),
      separator,
      fc.boolean(),
    )
    .map(([all, comma, trails]) => `{${all.join(comma)}${trails && all.length > 0 ? ',' : ''}}`);
  const blank = fc.oneof(
    { weight: 20, arbitrary: fc.constant(' ') },
    fc.constantFrom('', '  ', '\t'),
  );
  const sample = fc
    .tuple(name, fc.option(labels, { nil: '' }), blank, backs({ format } as Grammar))
    .map(([one, set, space, back]) => `${one}${set}${space}${back}\n`);
  const types = [
    'counter',
    'gauge',
    'histogram',
    'summary',
    'untyped',
    'unknown',
    'info',
    'stateset',
    'gaugehistogram',
  ];
  const comment = fc
    .tuple(
      fc.constantFrom('TYPE', 'HELP', 'UNIT'),
      name,
      fc.constantFrom(...types, 'seconds', 'text \\n é'),
    )
    .map(([says, one, text]) => `# ${says} ${one} ${text}\n`);
  const plain = fc
    .tuple(
      fc.constantFrom(...names),
      fc.option(
        fc.nat(3).map((n) => `{x="${n}",job="j"}`),
        { nil: '' },
      ),
      fc.nat(99),
    )
    .map(([one, set, number]) => `${one}${set} ${number}\n`);
  const declared = fc
    .tuple(fc.constantFrom('h', 'a', 'h_sum'), fc.constantFrom(...types.slice(0, 4)))
    .map(([one, type]) => `# TYPE ${one} ${type}\n`);
  return fc.oneof(
    { weight: 12, arbitrary: plain },
    { weight: 4, arbitrary: declared },
    { weight: 6, arbitrary: comment },
    { weight: 4, arbitrary: sample },
    fc.constantFrom(
      '\n',
      '#\n',
      '# free text\n',
      ' \n',
      'a 1',
      '\0',
      '# EOF\n',
      'é 1\n',
      'a 1\r\n',
    ),
  );
}

/** Indexes the pages with the kernel, and by parsing each line; both must tell the same. */
function assertSameIndex(pages: readonly string[], options: Partial<IndexerOptions> = {}): void {
  const scanning = newIndexer(options);
  const parsing = newIndexer({ ...options, scan: false });
  for (const page of pages) {
    const body = toBody(Buffer.from(page));
    const expected = told(indexed(parsing.indexer, body), parsing.families);
    assert.deepEqual(told(indexed(scanning.indexer, body), scanning.families), expected);
  }
}

interface Indexing {
  readonly indexer: Indexer;
  readonly families: FamilyTable;
}

function newIndexer(options: Partial<IndexerOptions>): Indexing {
  const families = new FamilyTable();
  const reserved = new LabelNames([]);
  return { families, indexer: new Indexer({ families, grammar: TEXT, reserved, ...options }) };
}

function indexed(indexer: Indexer, body: Body): PageIndex | 'refused' {
  const slices = indexer.index(body);
  try {
    for (;;) {
      const { done, value } = slices.next();
      if (done) return value;
    }
  } catch (error) {
    assert.ok(error instanceof ExpositionError, String(error));
    return 'refused';
  }
}

/** What an index says, without where it lies. */
function told(page: PageIndex | 'refused', families: FamilyTable): unknown {
  if (page === 'refused') return page;
  const { inserts, spans, honored, edits, metadata } = page;
  const { dropped, filtered, clashes, quoted, sampleBytes } = page;
  return {
    inserts: Buffer.from(inserts.buffer),
    spans: Array.from(spans, (at, n) => (n % SPAN === 0 ? families.nameOf(at) : at)),
    edits: edits && [...edits],
    honored: honored && Buffer.from(honored),
    metadata: metadata.map(({ says, family, type, bytes, from, to }) => [
      ...[says, families.nameOf(family), type],
      bytes.toString('utf8', from, to),
    ]),
    counts: { dropped, filtered, clashes, quoted, sampleBytes },
  };
}
