/**
 * Answers of the status page's API: JSON that nobody keeps.
 */
import type { RequestContext } from '../request.ts';

export function answerJson(ctx: RequestContext, answer: unknown): void {
  ctx.set({
    'Content-Type': 'application/json; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  ctx.body = `${JSON.stringify(answer)}\n`;
}
