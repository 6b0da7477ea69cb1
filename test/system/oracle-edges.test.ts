/**
 * Every byte, and every kind of character beyond ASCII, put in at every place of a page: what is
 * taken Prometheus takes too, and the merged page and its neighbours stay whole.
 */
import assert from 'node:assert/strict';
import { OPENMETRICS_TYPE, TEXT_TYPE } from '../support/answers.ts';
import { mergePages } from '../support/merged.ts';
import { judgePages, type OraclePage } from '../support/oracle.ts';
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

interface Taken {
  readonly where: string;
  readonly alone: OraclePage;
  readonly merged: OraclePage;
}

describe('a character at any place of a page', () => {
  for (const format of ['text', 'openmetrics'] as const) {
    it(`is refused by promgate where Prometheus refuses it, in ${format}`, async function () {
      const program = requireProgram(this, 'prometheus');
      const taken: Taken[] = [];
      let refused = 0;
      for (const page of pagesOf(format)) {
        const { page: bytes, ...merged } = await mergePages([GOOD, { ...page, format }, GOOD]);
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

      const atMs = Date.now();
      const pages = taken.flatMap(({ alone, merged }) => [alone, merged]);
      const judgements = await judgePages(program, pages, atMs);

      const faults = taken.flatMap(({ where }, at) => {
        const [alone, merged] = [judgements[2 * at]!, judgements[2 * at + 1]!];
        if (!alone.up) return [`${where}: taken, but Prometheus says: ${alone.error}`];
        if (!merged.up) return [`${where}: the merged page is refused: ${merged.error}`];
        const good = merged.series.filter(({ labels }) => labels['__name__'] === 'good').length;
        return good === 2 ? [] : [`${where}: the neighbours lost samples`];
      });
      assert.deepEqual(faults, []);
      assert.ok(taken.length > 200 && refused > 200, `${taken.length} taken, ${refused} refused`);
    });

    it(`is judged alike beside pages without it, whose layout is known, in ${format}`, async () => {
      for (const { page, bytes, where } of pagesOf(format)) {
        const sound = { bytes: page, format };
        const [alone, beside] = await Promise.all(
          [false, true].map((learn) => mergePages([sound, sound, { bytes, format }], { learn })),
        );
        assert.deepEqual(beside, alone, where);
      }
    });
  }
});

function* pagesOf(format: 'text' | 'openmetrics') {
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
