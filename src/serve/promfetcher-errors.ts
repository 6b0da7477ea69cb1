/**
 * Answers the errors of `/v1` and `/v2`: those that Promfetcher also has with its plain texts, all
 * others as problems. Promregator's paths have plain texts, too.
 */
import { answerProblem, type OnMistake } from './answer-problem.ts';
import type { Mount } from './mount.ts';

/** A request that Promfetcher or Promregator would refuse, with the status and text of theirs. */
export class TextRefusal extends Error {
  override readonly name = 'TextRefusal';
  readonly status: 400 | 404 | 406;

  constructor(status: TextRefusal['status'], text: string, options?: ErrorOptions) {
    super(text, options);
    this.status = status;
  }
}

export function answerAsPromfetcher(onMistake: OnMistake): Mount['errors'] {
  const answerRest = answerProblem(onMistake);
  return (ctx, error) => {
    if (!(error instanceof TextRefusal)) return answerRest(ctx, error);
    ctx.status = error.status;
    ctx.set('Content-Type', 'text/plain; charset=utf-8');
    ctx.body = error.message;
  };
}
