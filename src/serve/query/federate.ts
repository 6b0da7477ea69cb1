/**
 * `GET /federate`: the newest sample of each series that matches, as a page of the text format, for a
 * Prometheus that scrapes it.
 *
 * Native histograms have no text: they are left out. Those with custom buckets are written as classic
 * histograms.
 *
 * @see https://prometheus.io/docs/prometheus/latest/federation/
 */
import { compareTexts } from '../../promql/evaluate/labels.ts';
import { isStale, wordsOf } from '../../promql/evaluate/stale.ts';
import type { SeriesBlock } from '../../promql/evaluate/storage.ts';
import {
  compareFederated,
  type FederatedSample,
  type PageStyle,
  writeSamples,
} from '../../query/answers/federate-page.ts';
import { sortInSteps } from '../../query/answers/sort.ts';
import type { Handler } from '../request.ts';
import { sendBytes } from './answer.ts';
import type { EvaluationOptions } from './evaluation.ts';
import { failure, inTurns, selectorsOf } from './federated.ts';
import { readParameters } from './parameters.ts';
import { queryScope } from './tenants.ts';

export interface FederateOptions extends EvaluationOptions {
  /** Added to each sample where it lacks them. */
  readonly externalLabels: () => Readonly<Record<string, string>>;
}

const TYPE = 'text/plain; version=0.0.4; charset=utf-8';
const STEP_SERIES = 500;
const HINTS = { function: '', stepMs: 0, rangeMs: 0 };

export function federate(options: FederateOptions): Handler {
  return async (ctx) => {
    const parameters = await readParameters(ctx);
    const selectors = selectorsOf(parameters);
    const scope = queryScope(ctx.state.scope, parameters, options.partialResponse());
    const utf8 = /escaping=allow-utf-8/.test(ctx.get('Accept'));
    const query = parameters.getAll('match[]').join(', ');
    await options.desk.run(ctx, { call: 'federate', query, timeoutMs: undefined }, async (run) => {
      const storage = options.federation().open(scope);
      const nowMs = options.nowMs();
      const range = { afterMs: nowMs - options.settings().lookbackMs, untilMs: nowMs };
      const found = await Promise.all(
        selectors.map((matchers) => storage.select(matchers, range, HINTS, run.signal)),
      ).catch((error: unknown) => {
        throw failure(error, run.signal);
      });
      const samples = await inTurns(newest(found.flat(), options.externalLabels(), nowMs));
      run.sending({ series: samples.length, samples: samples.length, peakSamples: 0, requests: 0 });
      const style: PageStyle = { utf8 };
      const { limits } = options;
      const type = utf8 ? `${TYPE}; escaping=allow-utf-8` : TYPE;
      await sendBytes(ctx, writeSamples(samples, style), { type, limits });
    });
  };
}

/** The newest sample of each series, in the order of their names. */
function* newest(
  blocks: readonly SeriesBlock[],
  external: Readonly<Record<string, string>>,
  nowMs: number,
): Generator<void, readonly FederatedSample[], void> {
  const samples = new Map<string, FederatedSample>();
  for (const [done, block] of blocks.entries()) {
    if (done % STEP_SERIES === 0) yield;
    const sample = newestOf(block, external, nowMs);
    if (sample !== undefined) samples.set(JSON.stringify([sample.name, sample.labels]), sample);
  }
  return yield* sortInSteps([...samples.values()], compareFederated);
}

function newestOf(
  { labels, timesMs, values, histograms }: SeriesBlock,
  external: Readonly<Record<string, string>>,
  nowMs: number,
): FederatedSample | undefined {
  let at = timesMs.length - 1;
  while (at >= 0 && timesMs[at]! > nowMs) at--;
  if (at < 0 || isStale(wordsOf(values), at)) return undefined;
  const all = new Map(labels.filter(([, value]) => value !== ''));
  const name = all.get('__name__') ?? '';
  all.delete('__name__');
  for (const [label, value] of Object.entries(external)) if (!all.has(label)) all.set(label, value);
  // Without it Prometheus would add the address that it scrapes.
  if (!all.has('instance')) all.set('instance', '');
  const sorted = [...all].sort(([a], [b]) => compareTexts(a, b));
  const timeMs = timesMs[at]!; // `at` is an index
  return { name, labels: sorted, timeMs, value: histograms?.[at] ?? values[at]! };
}
