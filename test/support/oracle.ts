/**
 * Asks a real Prometheus what it does with single pages: the judge over our own parser.
 *
 * Each page is a target of its own, so that a bad one harms no other; all are scraped in one run.
 */
import { response, status } from './answers.ts';
import { eventually } from './eventually.ts';
import type { Prometheus, ScrapedTarget } from './prometheus.ts';
import { startPrometheus } from './prometheus.ts';
import { type Answer, startServer } from './simulated-server.ts';
import type { StoredSeries } from './verdicts.ts';

export interface OraclePage {
  readonly bytes: Buffer;
  readonly contentType: string;
}

/** What became of one page. */
export interface Judgement {
  /** Prometheus took the page; it may have stopped reading before its end. */
  readonly up: boolean;
  /** Prometheus' error; '' when up. */
  readonly error: string;
  /** Samples that it read. */
  readonly samples: number;
  /** Series that it stored. */
  readonly series: readonly StoredSeries[];
}

const CASE_LABEL = 'oracle_case';
const JOB = 'oracle';

/** Prometheus, the server of the pages and their merging share a small machine at this rate. */
const SCRAPES_PER_SECOND = 1500;

/**
 * Lets Prometheus scrape every page once and more, with `honor_labels`, as promgate's readers do.
 *
 * Pages that are the same byte for byte are one target.
 *
 * @param program - the path of Prometheus
 * @param atMs - a timestamp that the pages use, before now: explicit timestamps are given relative to it
 * @returns one judgement per page, in the same order
 */
export async function judgePages(
  program: string,
  pages: readonly OraclePage[],
  atMs: number,
): Promise<Judgement[]> {
  const keys = pages.map(({ bytes, contentType }) => `${contentType}\n${bytes.toString('latin1')}`);
  const distinct = new Map(pages.map((page, at) => [keys[at]!, page])); // a key for each page
  const answers = Array.from(distinct.values(), ({ bytes, contentType }): Answer => {
    const whole = response(200, { 'Content-Type': contentType }, bytes);
    return ({ socket }) => void socket.write(whole);
  });
  const judgements = await judgeAnswers(program, answers, atMs);
  const byKey = new Map([...distinct.keys()].map((key, at) => [key, judgements[at]!])); // one each
  return keys.map((key) => byKey.get(key)!); // each key is in it
}

/** The same of whole answers, which need not be HTTP. */
export async function judgeAnswers(
  program: string,
  answers: readonly Answer[],
  atMs: number,
): Promise<Judgement[]> {
  await using server = await startServer((exchange) => {
    const { target } = exchange.request;
    const answer = answers[Number(target.slice(1))] ?? status(404); // an answer may redirect
    return answer(exchange);
  });
  const startedMs = Date.now();
  const interval = `${Math.max(2, Math.ceil(answers.length / SCRAPES_PER_SECOND))}s`;
  await using prometheus = await startPrometheus({
    program,
    config: {
      global: { scrape_interval: interval, scrape_timeout: interval },
      scrape_configs: [
        {
          job_name: JOB,
          honor_labels: true,
          static_configs: answers.map((_, index) => ({
            targets: [server.address],
            labels: { __metrics_path__: `/${index}`, [CASE_LABEL]: String(index) },
          })),
        },
      ],
    },
  });

  const targets = await judgedTargets(prometheus, answers.length);
  const samples = await prometheus.query(`scrape_samples_scraped{job="${JOB}"}`);
  const read = new Map(samples.map(({ labels, value }) => [labels[CASE_LABEL], Number(value)]));
  const stored = await storedSeries(prometheus, { atMs, startedMs, address: server.address });
  return answers.map((_, index) => {
    const key = String(index);
    const target = targets.get(key)!; // judgedTargets has waited for all of them
    return {
      up: target.health === 'up',
      error: readable(target.lastError.replaceAll(server.address, 'ADDRESS')),
      samples: read.get(key) ?? 0,
      series: stored.get(key) ?? [],
    };
  });
}

/** Prometheus quotes a number from a buffer that it has filled anew since: what it names is chance. */
function readable(error: string): string {
  return error.replace(/ parsing "(?:[^"\\]|\\.)*"/, '');
}

/**
 * The targets once Prometheus has judged each page, and not its own slowness on a busy machine.
 *
 * The list of targets is large: Prometheus is asked for it only when it has scraped all of them.
 */
async function judgedTargets(
  prometheus: Prometheus,
  count: number,
): Promise<Map<string, ScrapedTarget>> {
  return eventually(
    'a verdict on every page',
    async () => {
      const reports = await prometheus.query(`count(scrape_samples_scraped{job="${JOB}"})`);
      if (Number(reports[0]?.value) !== count) return undefined;
      const targets = await prometheus.targets();
      const isJudged = ({ health, lastError }: ScrapedTarget): boolean =>
        health !== 'unknown' && !lastError.includes('deadline exceeded');
      if (targets.length !== count || !targets.every(isJudged)) return undefined;
      return new Map(targets.map((target) => [target.labels[CASE_LABEL]!, target])); // set above
    },
    { timeoutMs: 120_000, pauseMs: 250 },
  );
}

interface StoredOptions {
  readonly atMs: number;
  readonly startedMs: number;
  readonly address: string;
}

/** Everything stored from pages, by case. */
async function storedSeries(
  prometheus: Prometheus,
  { atMs, startedMs, address }: StoredOptions,
): Promise<Map<string, StoredSeries[]>> {
  const selector = `{${CASE_LABEL}!="",__name__!~"up|scrape_.*"}`;
  const query = encodeURIComponent(`${selector}[1h]`);
  const time = Math.ceil(Date.now() / 1000) + 600; // explicit timestamps may lie ahead
  const data = await prometheus.api(`/api/v1/query?query=${query}&time=${time}`);
  const byCase = new Map<string, StoredSeries[]>();
  for (const { metric, values } of (data as MatrixData).result) {
    const key = metric[CASE_LABEL] ?? '';
    const added: Record<string, string> = { [CASE_LABEL]: key, job: JOB, instance: address };
    const own = Object.entries(metric).filter(([label, text]) => added[label] !== text);
    const labels = Object.fromEntries(own);
    const [seconds, value] = values[0]!; // a series of a matrix has samples
    const timeMs = Math.round(seconds * 1000);
    const isOwn = timeMs < startedMs || timeMs > Date.now();
    const series = { labels, value, ...(isOwn ? { offsetMs: timeMs - atMs } : {}) };
    byCase.set(key, [...(byCase.get(key) ?? []), series]);
  }
  return byCase;
}

/** `data` of an instant query for a range. */
interface MatrixData {
  readonly result: readonly {
    readonly metric: Readonly<Record<string, string>>;
    readonly values: readonly (readonly [number, string])[];
  }[];
}
