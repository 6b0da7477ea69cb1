/**
 * What a system hangs into the HTTP frame: its paths, who may use them, how its errors look.
 */
import type { Router } from '@koa/router';
import type { Handler, RequestContext, RequestState } from './request.ts';

export interface Mount {
  /** Whole segments of a path, below which the mount answers all; '' takes what no other mount does. */
  readonly prefix: string;
  /** Lets a request pass, or throws why not. */
  readonly admit: Handler;
  /**
   * Answers what went wrong: what `admit` or a handler threw, or an `UnroutedError`. After the head of
   * an answer it can only be told, as the frame then breaks the connection off.
   */
  readonly errors: (ctx: RequestContext, error: unknown) => void | Promise<void>;
  /**
   * Its paths, whole ones, matched as sent: names in them are read from `ctx.state.target`, since they
   * are decoded after they were split. Each route has a name, for the metrics: one of a closed set.
   */
  readonly router: Router<RequestState>;
  /** In place of the names of its routes, for a system that counts its calls by itself. */
  readonly name?: string;
}

/** A path that no route has, or a method that its routes do not have. */
export class UnroutedError extends Error {
  override readonly name = 'UnroutedError';
  /** The methods that the path has; none: there is nothing at this path. */
  readonly allow: readonly string[];

  constructor(allow: readonly string[]) {
    super(allow.length === 0 ? 'nothing is at this path' : `allowed are ${allow.join(', ')}`);
    this.allow = allow;
  }
}
