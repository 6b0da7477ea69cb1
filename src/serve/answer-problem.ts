/**
 * Answers errors as `application/problem+json`, as most mounts do.
 */
import { Problem, writeProblem } from './errors.ts';
import { type Mount, UnroutedError } from './mount.ts';
import type { RequestContext } from './request.ts';

/** Called with an error that is a bug of promgate, and with the path of the request. */
export type OnMistake = (error: unknown, path: string) => void;

/** Answers an error that a handler threw; an error that is a bug also goes to `onMistake`. */
export function answerProblem(onMistake: OnMistake): Mount['errors'] {
  return (ctx, error) => {
    const problem = asProblem(ctx, error);
    if (problem === undefined) onMistake(error, ctx.state.target.path);
    writeProblem(ctx, problem ?? new Problem('internal', "promgate's log has the cause"));
  };
}

/** @returns undefined for an error that is a bug of promgate */
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
