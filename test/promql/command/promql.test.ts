/** `npm run promql`: an expression over the samples of a file. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { evaluateFile } from '../../../src/promql/command/evaluate-file.ts';

const PAGE = `# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{code="200",path="/a b"} 7
requests_total{code="500",path="say \\"x\\""} 3 # {trace="1"} 1
up 1
odd NaN
`;

const RANGE = JSON.stringify({
  status: 'success',
  data: {
    resultType: 'matrix',
    result: [
      {
        metric: { __name__: 'requests_total', job: 'x' },
        values: [0, 60, 120, 180].map((seconds) => [seconds, String(seconds * 2)]),
      },
    ],
  },
});

function over(file: string, ...args: string[]) {
  return evaluateFile(args, async () => file);
}

describe('npm run promql', () => {
  it('evaluates an expression over an exposition page', async () => {
    const { output, messages, exitCode } = await over(
      PAGE,
      'sum(requests_total) / up * 2',
      'page.txt',
    );

    assert.deepEqual(
      { output, messages, exitCode },
      { output: '{} 20\n', messages: '', exitCode: 0 },
    );
    assert.equal((await over(PAGE, 'sum(requests_total)', 'page.txt')).output, '{} 10\n');
    assert.equal(
      (await over(PAGE, 'requests_total > 5 or {__name__=~"up|odd"}', 'page.txt')).output,
      'requests_total{code="200", path="/a b"} 7\nup 1\nodd NaN\n',
    );
  });

  it('evaluates over series as unit tests of rules write them', async () => {
    const file =
      'load 1m\n# counts\nrequests_total{job="x"} 0+60x5\nrequests_total{job="y"} 0 _ 5 stale\n';

    assert.equal(
      (await over(file, 'rate(requests_total[2m])', 'series.txt')).output,
      '{job="x"} 1\n',
    );
    assert.equal(
      (await over(file, 'requests_total', 'series.txt', '--at', '120')).output,
      'requests_total{job="x"} 120\nrequests_total{job="y"} 5\n',
    );
    assert.equal(
      (await over('load 1m\nup 1x', 'up', 'series.txt')).messages,
      'line 2: 1:6: parse error: unexpected end of input in series values\n',
    );
    assert.equal(
      (await over('load 1q\nup 1', 'up', 'series.txt')).messages,
      'line 1: unknown unit "q" in duration "1q"\n',
    );
  });

  it('evaluates over the answer of a range query, at steps or at the newest sample', async () => {
    const rate = 'rate(requests_total[2m])';

    const newest = await over(RANGE, rate, 'range.json');
    const steps = await over(
      RANGE,
      rate,
      'range.json',
      ...['--start', '120', '--end', '180', '--step', '60'],
    );

    assert.equal(newest.output, '{job="x"} 2\n');
    assert.equal(steps.output, '{job="x"} 2 @ 120\n{job="x"} 2 @ 180\n');
    assert.equal(
      (await over(RANGE, 'requests_total[90s]', 'range.json')).output,
      'requests_total{job="x"} 240 @ 120\nrequests_total{job="x"} 360 @ 180\n',
    );
  });

  it('prints remarks apart from values', async () => {
    const { messages } = await over(
      RANGE.replace('requests_total', 'level'),
      'rate(level[5m])',
      'f',
    );

    assert.match(messages, /^PromQL info: metric might not be a counter/);
  });

  it('says what is wrong with the expression, the file or the options', async () => {
    const faults = await Promise.all([
      over(PAGE, 'sum(', 'page.txt'),
      over('up one\n', 'up', 'page.txt'),
      over('{"data":{}}', 'up', 'page.txt'),
      over(PAGE, 'up', 'page.txt', '--at', 'noon'),
      over(PAGE, 'up'),
      over(PAGE, 'up', 'page.txt', '--wat'),
    ]);

    assert.deepEqual(
      faults.map(({ exitCode, output }) => ({ exitCode, output })),
      [1, 1, 1, 1, 2, 2].map((exitCode) => ({ exitCode, output: '' })),
    );
    const [expression, line, answer, time, missing, unknown] = faults.map(
      ({ messages }) => messages,
    );
    assert.match(expression ?? '', /^1:5: parse error: unclosed left parenthesis/);
    assert.equal(line, 'line 1 is no sample: up one\n');
    assert.equal(answer, 'the answer has no data.result\n');
    assert.equal(time, 'no time in seconds: noon\n');
    assert.match(missing ?? '', /^usage: /);
    assert.match(unknown ?? '', /^Unknown option '--wat'/);
  });

  it('runs as a program', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-promql-'));
    try {
      const page = path.join(folder, 'page.txt');
      await writeFile(page, PAGE);
      const program = new URL('../../../src/promql/command/promql.ts', import.meta.url).pathname;

      const run = promisify(execFile);
      const { stdout } = await run(process.execPath, [program, 'count(requests_total)', page]);
      const gone = await run(process.execPath, [program, 'up', path.join(folder, 'gone')]).catch(
        (error: { code: number; stderr: string }) => error,
      );

      assert.equal(stdout, '{} 2\n');
      assert.ok('code' in gone);
      assert.equal(gone.code, 1);
      assert.match(gone.stderr, /ENOENT/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
