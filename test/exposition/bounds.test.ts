/** What is too long is refused on its bytes, whichever token it is, and costs that page alone. */
import assert from 'node:assert/strict';
import {
  checkLineLengths,
  MAX_LINE_BYTES,
  MAX_NAME_BYTES,
  MAX_TEXT_BYTES,
} from '../../src/exposition/bounds.ts';
import { ExpositionError } from '../../src/exposition/error.ts';
import type { FormatName } from '../../src/exposition/grammar.ts';
import { InsertedLabels } from '../../src/merge/labels.ts';
import { Merge } from '../../src/merge/merge.ts';

/** A page with one token of this length. */
type Token = (length: number) => string;

const x = (length: number): string => 'x'.repeat(length);
/** Backslashes in pairs: each pair is an escape. */
const escapes = (length: number): string => '\\'.repeat(length - (length % 2));

const TEXT_TOKENS: Readonly<Record<string, readonly [token: Token, most: number]>> = {
  'a metric name': [(n) => `${x(n)} 1\n`, MAX_NAME_BYTES],
  'a metric name in quotes': [(n) => `{"${escapes(n)}"} 1\n`, MAX_NAME_BYTES],
  'a label name': [(n) => `a{${x(n)}="1"} 1\n`, MAX_NAME_BYTES],
  'a label name in quotes': [(n) => `a{"${escapes(n)}"="1"} 1\n`, MAX_NAME_BYTES],
  'a label value': [(n) => `a{b="${x(n)}"} 1\n`, MAX_TEXT_BYTES],
  'a label value of escapes': [(n) => `a{b="${escapes(n)}"} 1\n`, MAX_TEXT_BYTES],
  'a later label value': [(n) => `a{b="1",c="1"} 1\na{b="1",c="${x(n)}"} 1\n`, MAX_TEXT_BYTES],
  'a name in HELP': [(n) => `# HELP ${x(n)} y\n`, MAX_NAME_BYTES],
  'a name in TYPE': [(n) => `# TYPE ${x(n)} gauge\n`, MAX_NAME_BYTES],
  'a text of HELP': [(n) => `# HELP a ${escapes(n)}\n`, MAX_TEXT_BYTES],
};

const OPENMETRICS_TOKENS: typeof TEXT_TOKENS = {
  'a metric name': [(n) => `${x(n)} 1\n# EOF\n`, MAX_NAME_BYTES],
  'a metric name in quotes': [(n) => `{"${escapes(n)}"} 1\n# EOF\n`, MAX_NAME_BYTES],
  'a label value': [(n) => `a{b="${escapes(n)}"} 1\n# EOF\n`, MAX_TEXT_BYTES],
  'a text of HELP': [(n) => `# HELP a ${escapes(n)}\n# EOF\n`, MAX_TEXT_BYTES],
  'a name in an exemplar': [(n) => `a_total 1 # {${x(n)}="1"} 1\n# EOF\n`, MAX_NAME_BYTES],
  'a value in an exemplar': [(n) => `a_total 1 # {b="${x(n)}"} 1\n# EOF\n`, MAX_TEXT_BYTES],
};

const LINES: readonly Token[] = [
  (n) => `${x(n)} 1\n`,
  (n) => `{"${escapes(n)}"} 1\n`,
  (n) => `a{b="${escapes(n)}"} 1\n`,
  (n) => `a ${'1'.repeat(n)}\n`,
  (n) => `a 1 ${'0'.repeat(n)}1\n`,
  (n) => `a 1${' '.repeat(n)}\n`,
  (n) => `#${x(n)}\n`,
  (n) => `# HELP a ${escapes(n)}\n`,
  (n) => `a{${'b="1",'.repeat(n / 6)}} 1\n`,
  (n) => x(n),
];

async function refusal(page: string, format: FormatName): Promise<string | undefined> {
  const merge = new Merge({
    ...{ labelConflict: 'exported', exportJob: true, preferOpenMetrics: false },
    escaping: { text: 'underscores', openmetrics: 'underscores' },
  });
  const bytes = Buffer.from(page);
  const labels = new InsertedLabels([['index', '0']]);
  try {
    await merge.add({
      place: 0,
      of: 'instance',
      bytes,
      format,
      labels,
      rules: undefined,
      instance: undefined,
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof ExpositionError)) throw error;
    return error.kind;
  }
}

describe('the bounds of a page', () => {
  for (const [format, tokens] of [
    ['text', TEXT_TOKENS],
    ['openmetrics', OPENMETRICS_TOKENS],
  ] as const) {
    for (const [name, [token, most]] of Object.entries(tokens)) {
      it(`take ${name} of ${most} bytes in ${format}, and none that is longer`, async () => {
        assert.equal(await refusal(token(most), format), undefined);
        assert.equal(await refusal(token(most + 2), format), 'too-large');
        assert.equal(await refusal(token(15_000_000), format), 'too-large');
      });
    }
  }

  it('refuse a line of over 1 MiB, whatever it is', async () => {
    for (const line of LINES) {
      for (const before of ['', 'a 1\n', 'a 1\n'.repeat(300_000)]) {
        assert.equal(await refusal(before + line(MAX_LINE_BYTES), 'text'), 'too-large');
      }
    }
  });

  it('find a line that is too long wherever it stands, and no other', () => {
    const line = (length: number) => `${x(length - 1)}\n`;
    const [most, long] = [line(MAX_LINE_BYTES), line(MAX_LINE_BYTES + 1)];
    const isRefused = (page: string): boolean => {
      const bytes = Buffer.from(`${page}\n`);
      try {
        checkLineLengths(bytes, page.length);
        return false;
      } catch {
        return true;
      }
    };
    for (const before of ['', '\n', line(1000), line(700_000), most]) {
      for (const behind of ['', '\n', line(700_000), most]) {
        assert.equal(isRefused(before + most + behind), false);
        assert.equal(isRefused(before + long + behind), true);
      }
    }
    assert.equal(isRefused(x(MAX_LINE_BYTES)), true, 'a last line has a line feed behind it');
    assert.equal(isRefused(x(MAX_LINE_BYTES - 1)), false);
  });
});
