/**
 * A server that is read by instant queries of range selectors.
 */
import { Readable } from 'node:stream';
import type { SeriesBlock } from '../../promql/evaluate/storage.ts';
import { print } from '../../promql/print.ts';
import { readAnswer } from './read-answer.ts';
import type { QueryServer, ServerCall, ServerPlace } from './server.ts';

interface Matrix {
  readonly result: readonly {
    readonly metric: Readonly<Record<string, string>>;
    readonly values?: readonly (readonly [number, string])[];
  }[];
}

/** Opens a server by its URL; `fetch` keeps the connections. */
export function simpleServer({ url }: ServerPlace): QueryServer {
  const call = async ({ path, parameters }: ServerCall, signal: AbortSignal): Promise<Readable> => {
    const body = new URLSearchParams(
      parameters.map(([name, value]): [string, string] => [name, value]),
    );
    const answer = await fetch(`${url}api/v1/${path}?${body}`, { signal });
    if (!answer.ok || answer.body === null) {
      throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
    }
    return Readable.fromWeb(answer.body);
  };
  return {
    url,
    call,
    read: async ({ matchers, range }, signal) => {
      const span = { start: 0, end: 0 };
      const query = print({
        kind: 'range-selector',
        selector: {
          ...{ kind: 'vector-selector', name: '', matchers, offset: 0, at: undefined, span },
          bounds: 'plain',
        },
        range: range.untilMs - range.afterMs,
        span,
      });
      const parameters = [
        ['query', query],
        ['time', String(range.untilMs / 1000)],
      ] as const;
      const answer = await readAnswer(await call({ path: 'query', parameters }, signal));
      const { result } = answer.data as Matrix;
      return { series: result.map(({ metric, values = [] }) => block(metric, values)), infos: [] };
    },
    close: async () => undefined,
  };
}

function block(
  metric: Readonly<Record<string, string>>,
  values: readonly (readonly [number, string])[],
): SeriesBlock {
  return {
    labels: Object.entries(metric),
    timesMs: Float64Array.from(values, ([seconds]) => Math.round(seconds * 1000)),
    values: Float64Array.from(values, ([, text]) => Number(text.replace('Inf', 'Infinity'))),
  };
}
