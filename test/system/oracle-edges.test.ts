/**
 * Every byte, and every kind of character beyond ASCII, put in at every place of a page: what is
 * taken Prometheus takes too, and the merged page and its neighbours stay whole.
 */
import assert from 'node:assert/strict';
import { OPENMETRICS_TYPE, TEXT_TYPE } from '../support/answers.ts';
import { SLOW_MS } from '../support/limits.ts';
import { mergePages } from '../support/merged.ts';
import { type Judgement, judgePages, type OraclePage } from '../support/oracle.ts';
import { requireProgram } from '../support/require-program.ts';

const TYPES = { text: TEXT_TYPE, openmetrics: OPENMETRICS_TYPE };
/** Labels that are renamed, and all kinds of lines. */
const PAGES = {
  text: [
    '# HELP a b\n# TYPE a counter\na{b="c\\n",d="e"} 1 1700000000000\n#x\n\n',
    'a{job="c\\n",instance="d"} 1\n',
  ],
  openmetrics: [
    '# HELP a b\n# TYPE a counter\na_total{b="c\\n"} 1 1.5 # {d="e"} 2\n# EOF\n',
    '# TYPE a_s gauge\n# UNIT a_s s\na_s{job="c\\n",instance="d"} 1\n# EOF\n',
  ],
};
const GOOD = { bytes: Buffer.from('good{x="1"} 1\n'), format: 'text' } as const;

/** Each byte alone; characters of two, three and four bytes; what is no UTF-8. */
const PUT_IN: readonly Buffer[] = [
  ...Array.from({ length: 256 }, (_, byte) => Buffer.from([byte])),
  ...['\u0080', '°', 'é', '߿', '日', '\u2028', '\ufeff', '\uffff', '😀', '\u{10ffff}'].map((char) =>
    Buffer.from(char),
  ),
  ...['c080', 'c3', 'e282', 'eda080', 'f09f98', 'f4908080', 'f8888080'].map((hex) =>
    Buffer.from(hex, 'hex'),
  ),
  ...['\\\u0000', '\\é', '"\u0000', '\u0000\n'].map((text) => Buffer.from(text)),
];

/** Prometheus knows names in quotes from version 3 on; Debian's is 2.42. */
const QUOTED_NAME = /[{,]"/;

type Format = keyof typeof PAGES;
const FORMATS: readonly Format[] = ['text', 'openmetrics'];

/** A page that promgate takes. */
interface Taken {
  readonly where: string;
  readonly alone: OraclePage;
  readonly merged: OraclePage;
}

/** A page with something put in, and the page that it was before. */
interface EdgePage {
  readonly page: Buffer;
  readonly bytes: Buffer;
  readonly where: string;
}

/** Most pages are refused: the stack of an error costs more than the rest of such a merge. */
async function withoutStacks<T>(task: () => Promise<T>): Promise<T> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return await task();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** A chunk of the usual size costs more than such a merge. */
const SPLICED = { chunkBytes: 2048 };

/** What promgate makes of all pages of a format. */
async function mergeAll(format: Format): Promise<{ taken: readonly Taken[]; refused: number }> {
  const taken: Taken[] = [];
  let refused = 0;
  for (const page of pagesOf(format)) {
    const pages = [GOOD, { ...page, format }, GOOD];
    const { page: bytes, ...merged } = await mergePages(pages, {}, SPLICED);
    assert.ok(
      merged.refused.every((place) => place === 1),
      page.where,
    );
    if (merged.refused.length > 0) refused++;
    else if (!QUOTED_NAME.test(page.bytes.toString('latin1'))) {
      const alone = { bytes: page.bytes, contentType: TYPES[format] };
      taken.push({ where: page.where, alone, merged: { bytes, contentType: TYPES.text } });
    }
  }
  return { taken, refused };
}

describe('a character at any place of a page', function () {
  this.timeout(SLOW_MS);

  describe('before a real Prometheus', () => {
    const faults = new Map<Format, readonly string[]>();

    /** One Prometheus for all: it looks for its targets once in five seconds. */
    before(async function () {
      this.timeout(300_000);
      const program = requireProgram(this, 'prometheus');
      const merged = new Map<Format, readonly Taken[]>();
      for (const format of FORMATS) {
        const { taken, refused } = await withoutStacks(() => mergeAll(format));
        merged.set(format, taken);
        assert.ok(
          taken.length > 200 && refused > 200,
          `${taken.length} taken, ${refused} refused in ${format}`,
        );
      }

      const atMs = Date.now();
      const pages = [...merged.values()].flat().flatMap(({ alone, merged }) => [alone, merged]);
      const judgements = (await judgePages(program, pages, atMs)).values();

      for (const [format, taken] of merged) {
        const found = taken.map(({ where }) => {
          const [alone, merged] = [judgements.next().value!, judgements.next().value!]; // as asked
          return faultOf(where, alone, merged);
        });
        faults.set(
          format,
          found.filter((fault) => fault !== undefined),
        );
      }
    });

    for (const format of FORMATS) {
      it(`is refused by promgate where Prometheus refuses it, in ${format}`, () => {
        assert.deepEqual(faults.get(format), []);
      });
    }
  });

  for (const format of FORMATS) {
    it(`is judged alike beside pages without it, whose layout is known, in ${format}`, async () => {
      await withoutStacks(async () => {
        for (const { page, bytes, where } of pagesOf(format)) {
          const sound = { bytes: page, format };
          const pages = [sound, sound, { bytes, format }];
          const [alone, beside] = await Promise.all(
            [false, true].map((scan) => mergePages(pages, { scan }, SPLICED)),
          );
          assert.deepEqual(beside, alone, where);
        }
      });
    });
  }
});

function faultOf(where: string, alone: Judgement, merged: Judgement): string | undefined {
  if (!alone.up) return `${where}: taken, but Prometheus says: ${alone.error}`;
  if (!merged.up) return `${where}: the merged page is refused: ${merged.error}`;
  const good = merged.series.filter(({ labels }) => labels['__name__'] === 'good').length;
  return good === 2 ? undefined : `${where}: the neighbours lost samples`;
}

function* pagesOf(format: Format): Generator<EdgePage> {
  for (const [which, text] of PAGES[format].entries()) {
    const page = Buffer.from(text);
    for (let at = 0; at <= page.length; at++) {
      for (const put of PUT_IN) {
        const bytes = Buffer.concat([page.subarray(0, at), put, page.subarray(at)]);
        yield { page, bytes, where: `${put.toString('hex')} at ${at} of page ${which}` };
      }
    }
  }
}
