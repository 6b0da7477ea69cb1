/**
 * A mount: a part of the HTTP interface, with its paths, its access check and its form of errors.
 */
import type { Router } from '@koa/router';
import type { Handler, RequestContext, RequestState } from './request.ts';

export interface Mount {
  /** The mount answers all paths that begin with these segments; '' fits all other paths. */
  readonly prefix: string;
  /** Admits a request by calling `next`, or throws the reason why not. */
  readonly admit: Handler;
  /**
   * Answers an error that `admit` or a handler threw, or an `UnroutedError`. If the head of an
   * answer is sent already, it can only report the error: the frame then closes the connection.
   */
  readonly errors: (ctx: RequestContext, error: unknown) => void | Promise<void>;
  /**
   * Matches whole paths, not decoded. Handlers read names from `ctx.state.target`, and decode them
   * after splitting the path. Each route has a name of a closed set, for the metrics.
   */
  readonly router: Router<RequestState>;
  /** Replaces the names of the routes in metrics: for a mount that counts its calls itself. */
  readonly name?: string;
}

/** No route has the path of the request, or none has its method. */
export class UnroutedError extends Error {
  override readonly name = 'UnroutedError';
  /** The methods of the path's routes; empty if no route has the path. */
  readonly allow: readonly string[];

  constructor(allow: readonly string[]) {
    super(allow.length === 0 ? 'no route has this path' : `allowed are ${allow.join(', ')}`);
    this.allow = allow;
  }
}
