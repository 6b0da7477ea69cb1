/**
 * `/api/v1/format_query` and `/api/v1/parse_query`.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/api/#formatting-query-expressions
 */
import { prettify } from '../../promql/prettify.ts';
import type { Expression } from '../../promql/tree.ts';
import { treeJson } from '../../promql/tree-json.ts';
import type { Handler } from '../request.ts';
import type { SendLimits } from '../send-chunks.ts';
import { jsonAnswer, sendAnswer } from './answer.ts';
import { type EngineSettings, readQuery } from './engine.ts';
import { readParameters } from './parameters.ts';

export interface FormatOptions {
  readonly settings: () => EngineSettings;
  readonly limits: SendLimits;
}

export function formatQuery(options: FormatOptions): Handler {
  return ofTree(options, (tree) => prettify(tree).toWellFormed());
}

export function parseQuery(options: FormatOptions): Handler {
  return ofTree(options, treeJson);
}

function ofTree(
  { settings, limits }: FormatOptions,
  dataOf: (tree: Expression) => unknown,
): Handler {
  return async (ctx) => {
    const parameters = await readParameters(ctx);
    const { tree } = readQuery(parameters.get('query') ?? '', settings());
    await sendAnswer(ctx, jsonAnswer(dataOf(tree)), limits);
  };
}
