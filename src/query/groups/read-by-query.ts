/**
 * Samples of a server by an instant query of a range selector: for servers without remote read.
 *
 * Such an answer has no stale markers, so the end of a series shows only by the age of its last sample.
 */
import type { SeriesBlock } from '../../promql/evaluate/storage.ts';
import { print } from '../../promql/print.ts';
import type { VectorSelector } from '../../promql/tree.ts';
import { trim } from '../merge/trim.ts';
import { callApi } from '../target/api.ts';
import type { QueryTarget } from '../target/http.ts';
import { ReadAccount } from '../target/read-budget.ts';
import type { ReadRequest } from './server.ts';

const SPAN = { start: 0, end: 0 };

interface Matrix {
  readonly result: readonly {
    readonly metric: Readonly<Record<string, string>>;
    readonly values?: readonly (readonly [number, string])[];
  }[];
}

/** @throws {TargetError} */
export async function readByQuery(
  target: QueryTarget,
  { matchers, range, budget }: ReadRequest,
  signal: AbortSignal,
): Promise<readonly SeriesBlock[]> {
  const selector: VectorSelector = {
    ...{ kind: 'vector-selector', name: '', matchers, offset: 0, at: undefined, span: SPAN },
    bounds: 'plain',
  };
  // A range selector may take the sample at its beginning along; it is cut off below.
  const rangeMs = range.untilMs - range.afterMs;
  const query = print({ kind: 'range-selector', selector, range: rangeMs, span: SPAN });
  const account = new ReadAccount(budget, target.name);
  const { data } = await callApi(
    target,
    'api/v1/query',
    [
      ['query', query],
      ['time', String(range.untilMs / 1000)],
    ],
    { signal, method: 'form', maxBytes: account.left('bytes') + 1 },
  );
  const { result } = data as Matrix;
  return result.flatMap(({ metric, values = [] }) => {
    account.take('series', 1);
    account.take('samples', values.length);
    return trim(blockOf(metric, values), range) ?? [];
  });
}

function blockOf(
  metric: Readonly<Record<string, string>>,
  values: readonly (readonly [number, string])[],
): SeriesBlock {
  return {
    labels: Object.entries(metric),
    timesMs: Float64Array.from(values, ([seconds]) => Math.round(seconds * 1000)),
    values: Float64Array.from(values, ([, text]) => Number(text.replace('Inf', 'Infinity'))),
  };
}
