/**
 * Samples of one server by its query API: the selector as a range at the end of the range.
 *
 * For servers without remote read. The API shows no start times, histograms without hints, and no
 * markers of ended series; VictoriaMetrics prints markers as `NaN`, and has no other NaN.
 */
import { everyTurn, takeSteps } from '../../clock.ts';
import type { SeriesBlock } from '../../promql/evaluate/storage.ts';
import { errorOf, refusalOf } from './api.ts';
import { TargetError } from './failure.ts';
import type { QueryTarget, TargetAnswer } from './http.ts';
import { JsonMatrix } from './json-matrix.ts';
import { JsonSampleError } from './json-samples.ts';
import { ReadAccount, type ReadBudget } from './read-budget.ts';
import { endsOf, type Wanted } from './read-request.ts';
import { selectorText } from './selector-text.ts';
import { SeriesBuilder } from './series-builder.ts';

/** How long the reading of an answer may keep other work waiting. */
const TURN_MS = 4;

/** What a server said beside its series. */
export interface JsonRead {
  readonly series: readonly SeriesBlock[];
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
}

/**
 * Reads the series that match, with their samples in the range and no others.
 *
 * @throws {TargetError}
 */
export async function jsonRead(
  target: QueryTarget,
  { matchers, range }: Pick<Wanted, 'matchers' | 'range'>,
  { signal, budget }: { readonly signal: AbortSignal; readonly budget: ReadBudget },
): Promise<JsonRead> {
  const account = new ReadAccount(budget, target.name);
  const { startMs, endMs } = endsOf(range);
  const lengthMs = Math.max(1, endMs - startMs + 1); // a range leaves out its first millisecond
  const parameters = [
    ['query', `${selectorText(matchers)}[${lengthMs}ms]`],
    ['time', String(endMs / 1000)],
  ] as const;
  let answer: TargetAnswer | undefined;
  try {
    answer = await target.call('api/v1/query', parameters, {
      ...{ signal, method: 'form' },
      maxBytes: Number.MAX_SAFE_INTEGER, // the budget has the bound
    });
    if (answer.status !== 200) throw await refusalOf(target, answer);
    const builder = new SeriesBuilder(account, range);
    const matrix = new JsonMatrix(builder, isVictoriaMetrics(answer) ? 'marker' : 'number');
    const pace = everyTurn(TURN_MS);
    for await (const piece of answer.body) {
      account.take('bytes', piece.length);
      await takeSteps(matrix.push(piece), pace);
    }
    if (!matrix.isWhole) throw new TargetError('truncated', target.name, 'the answer has no end');
    if (matrix.said['status'] !== 'success') throw errorOf(target, 200, matrix.said);
    const { warnings, infos } = matrix.said;
    const series = await takeSteps(builder.finish(), pace);
    return { series, warnings: textsOf(warnings), infos: textsOf(infos) };
  } catch (error) {
    answer?.body.discard();
    account.giveBack();
    if (!(error instanceof JsonSampleError)) throw error;
    throw new TargetError('not-prometheus', target.name, error.message, { cause: error });
  }
}

/** VictoriaMetrics tells its host in each answer. */
function isVictoriaMetrics(answer: TargetAnswer): boolean {
  return answer.header('x-server-hostname') !== '';
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
