/**
 * The statistics of a query that Prometheus gives with `stats=true` and `stats=all`.
 */
import { timeAt } from '../../promql/evaluate/columns.ts';
import { quoteText } from '../../promql/literal/quote.ts';
import type { Evaluated } from './engine.ts';

export type StatsForm = 'none' | 'total' | 'all';

/** The warning for a text that Prometheus does not know either; it gives the statistics all the same. */
export function statsWarnings(text: string): readonly string[] {
  if (text === '' || text === 'true' || text === 'all') return [];
  return [`unknown value ${quoteText(text)} of the parameter stats: true and all are known`];
}

/** Any other text than '' gives the statistics; `all` those of each step too. */
export function statsForm(text: string): StatsForm {
  if (text === '') return 'none';
  return text === 'all' ? 'all' : 'total';
}

interface Took {
  readonly queuedMs: number;
  readonly evaluationMs: number;
}

/**
 * The statistics of an evaluation. promgate reads the samples of all steps at once: those of one step
 * are an equal share.
 */
export function queryStats(
  form: StatsForm,
  { result: { grid, peakSamples }, figures: { samples } }: Evaluated,
  { queuedMs, evaluationMs }: Took,
): Readonly<Record<string, unknown>> | undefined {
  if (form === 'none') return undefined;
  const evalTotalTime = evaluationMs / 1000;
  const execQueueTime = queuedMs / 1000;
  const total = { totalQueryableSamples: samples, samplesRead: samples, peakSamples };
  const perStep = Array.from({ length: form === 'all' ? grid.steps : 0 }, (_, step) => {
    const until = Math.floor((samples * (step + 1)) / grid.steps);
    return [timeAt(grid, step) / 1000, until - Math.floor((samples * step) / grid.steps)];
  });
  return {
    timings: {
      ...{ evalTotalTime, resultSortTime: 0, queryPreparationTime: 0 },
      ...{ innerEvalTime: evalTotalTime, execQueueTime },
      execTotalTime: evalTotalTime + execQueueTime,
    },
    samples: {
      ...(form === 'all' && {
        totalQueryableSamplesPerStep: perStep,
        samplesReadPerStep: perStep,
      }),
      ...total,
    },
  };
}
