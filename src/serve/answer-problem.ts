/**
 * The errors of most mounts: `application/problem+json`.
 */
import { Problem, writeProblem } from './errors.ts';
import { type Mount, UnroutedError } from './mount.ts';
import type { RequestContext } from './request.ts';

/** Told of an error that is promgate's mistake, and on which path it came up. */
export type OnMistake = (error: unknown, path: string) => void;

/** Answers what a handler threw; what was our mistake is told to `onMistake`. */
export function answerProblem(onMistake: OnMistake): Mount['errors'] {
  return (ctx, error) => {
    const problem = asProblem(ctx, error);
    if (problem === undefined) onMistake(error, ctx.state.target.path);
    writeProblem(ctx, problem ?? new Problem('internal', 'the log says more'));
  };
}

/** @returns undefined for what no reader did wrong */
function asProblem({ method }: RequestContext, error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  if (!(error instanceof UnroutedError)) return undefined;
  if (error.allow.length === 0) {
    return new Problem('not-found', 'see the README for the paths that are answered');
  }
  const allow = error.allow.join(', ');
  return new Problem('method-not-allowed', `${method.slice(0, 20)} is not among ${allow}`, {
    headers: { Allow: allow },
  });
}
