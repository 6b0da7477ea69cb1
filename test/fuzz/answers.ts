/**
 * Raw answers of an instance: mutants of what app servers send, HTTP or not, beside a good
 * instance, with Prometheus as the judge.
 */
import { gzipSync } from 'node:zlib';
import { negotiate } from '../../src/exposition/negotiate.ts';
import { FAILURES } from '../../src/fetch/failure.ts';
import type { Scraper } from '../../src/fetch/fan-out.ts';
import { loadAppPage } from '../../src/serve/app-page.ts';
import { openScraper } from '../fetch/instance-server.ts';
import { instance } from '../serve/instances.ts';
import { page } from '../support/answers.ts';
import { judgeAnswers } from '../support/oracle.ts';
import { requireProgram, type Skippable } from '../support/require-program.ts';
import { type Answer, startServer } from '../support/simulated-server.ts';
import type { Finding, Fuzzer } from './fuzzer.ts';

const CASES = 200;
const DEADLINE_MS = 2_000;
const BODY = '# TYPE a counter\na{x="1"} 1\n';
const ZIPPED = gzipSync(BODY).toString('latin1');
const HEADS = [
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
  `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1b\r\n${BODY}\r\n0\r\n\r\n`,
  `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${ZIPPED.length}\r\n\r\n${ZIPPED}`,
  `HTTP/1.0 200 OK\r\nServer: old\r\n\r\n${BODY}`,
  `HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text\r\nConnection: close\r\n\r\n${BODY.replace('a{', 'a_total{')}# EOF\n`,
  `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`,
  'HTTP/1.1 302 Found\r\nLocation: /0\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n',
].map((text) => Buffer.from(text, 'latin1'));
const WORDS = [
  ...['HTTP/1.1 200 OK\r\n', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 X\r\nLink: x\r\n\r\n'],
  ...[
    'Content-Length: 5\r\n',
    'Content-Length: 27\r\n',
    'Transfer-Encoding: chunked\r\n',
    ' chunked',
  ],
  ...['Content-Encoding: gzip\r\n', 'Content-Encoding: utf-8\r\n', 'Content-Type: text/html\r\n'],
  ...[
    'Connection: keep-alive\r\n',
    '\r\n',
    '\n',
    '\r',
    ' ',
    '\t',
    ';x=y',
    '0\r\n\r\n',
    '0000',
    '\u0000',
  ],
];

export function answerFuzzer(context: Skippable): Fuzzer {
  const program = requireProgram(context, 'prometheus');
  return {
    async round(chance, scale) {
      const inputs = Array.from({ length: Math.ceil(CASES * scale) }, () =>
        chance.mutate(chance.pick(HEADS), WORDS),
      );
      const answers = inputs.map(
        (bytes): Answer =>
          ({ socket }) =>
            void socket.end(bytes),
      );
      const judgements = await judgeAnswers(program, answers, Date.now());
      const words = await scrapeAll(answers);
      const findings: Finding[] = [];
      for (const [at, { failure, good, left }] of words.entries()) {
        const add = (what: string) => findings.push({ what, input: inputs[at]! });
        if (good !== undefined) add(`the good instance beside it failed: ${good}`);
        if (left > 0) add(`${left} bytes stayed accounted for`);
        if (failure !== undefined && !FAILURES.some((word) => word === failure)) {
          add(`no word of the list: ${failure}`);
        }
        const { up, error } = judgements[at]!;
        if (failure === undefined && !up) add(`up, but Prometheus says: ${error}`);
      }
      const outcomes = words.map(({ failure = 'up' }, at) => {
        const word = `${failure}, ${judgements[at]!.up ? 'up' : 'down'}`;
        return { word, input: inputs[at]! };
      });
      return { inputs: inputs.length, findings, outcomes };
    },
  };
}

interface Scraped {
  readonly failure: string | undefined;
  /** The failure of the good instance. */
  readonly good: string | undefined;
  /** Bytes that are still accounted for. */
  readonly left: number;
}

/** Asks for each answer twice, one after the other: the first may have spoilt a connection. */
async function scrapeAll(answers: readonly Answer[]): Promise<Scraped[]> {
  await using scraper = openScraper();
  await using hostile = await startServer((exchange) => {
    const answer = answers[Number(exchange.request.target.slice(1))];
    return answer?.(exchange);
  });
  await using good = await startServer(page('good 1\n'));
  const scraped: Scraped[] = [];
  for (const at of answers.keys()) {
    const first = await scrape(scraper, [hostile.address, good.address], `/${at}`);
    const second = await scrape(scraper, [hostile.address, good.address], `/${at}`);
    const left = scraper.load.bytes;
    scraped.push({ failure: second[0], good: first[1] ?? second[1], left });
  }
  return scraped;
}

async function scrape(
  scraper: Scraper,
  addresses: readonly string[],
  path: string,
): Promise<(string | undefined)[]> {
  using loaded = await loadAppPage(
    { scraper, exporters: [], observers: {}, labelConflict: 'exported', exportJob: true },
    {
      instances: addresses.map((address, at) => instance('shop', `${at}`, address)),
      withExporters: false,
      path,
      headers: { instances: [], exporters: [] },
      negotiated: negotiate(undefined, { textOnly: true }),
      deadlineMs: performance.now() + DEADLINE_MS,
      signal: new AbortController().signal,
    },
  );
  return loaded.outcomes.map(({ failure }) => failure);
}
