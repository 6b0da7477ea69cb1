/**
 * `GET /metrics`: promgate's own metrics, in text format 0.0.4.
 */
import { METRICS_TYPE } from '../telemetry/registry.ts';
import type { Handler } from './request.ts';
import { answerPieces } from './stream.ts';

export function ownMetrics(metrics: { readonly print: () => Promise<string> }): Handler {
  return async (ctx) => answerPieces(ctx, METRICS_TYPE, [await metrics.print()]);
}
