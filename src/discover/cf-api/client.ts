/**
 * Sends requests to the CF API: one at a time, each with a token, within the budget.
 *
 * A refused token is replaced once. A request that failed for a passing reason is sent a second
 * time, since a sweep of many pages would else rarely be whole.
 */
import type { Clock } from '../../clock.ts';
import type { Listing } from '../listing.ts';
import { SourceError, type SourceFault } from '../source-error.ts';
import type { Budget, Purpose } from './budget.ts';
import { CfApiError, cfApiError } from './error.ts';
import { type Http, type HttpAnswer, headerOf, textOf } from './got.ts';
import type { Tokens } from './token.ts';

/** What a request asks for; a metric label. */
export type RequestKind =
  | 'apps'
  | 'processes'
  | 'routes'
  | 'services'
  | 'service-bindings'
  | 'stats'
  | 'root'
  | 'token';

export interface Question {
  readonly kind: RequestKind;
  /** Path and query: `/v3/apps?per_page=5000`. */
  readonly path: string;
  readonly maxBytes: number;
}

export interface ClientOptions {
  readonly http: Http;
  /** The root of the CF API, without a slash at its end. */
  readonly apiUrl: string;
  readonly tokens: Tokens;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly onRequest?: ((kind: RequestKind) => void) | undefined;
}

const RETRY_MS = 1000;
const MAX_ERROR_BYTES = 16 * 1024;
const PASSING: ReadonlySet<SourceFault> = new Set(['unreachable', 'timeout']);

export class CfClient {
  readonly #options: ClientOptions;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /**
   * Waits for its turn and for the budget, and asks.
   *
   * @returns the body of an answer 200
   * @throws {SourceError} for every other answer, and when there is none
   */
  get(question: Question, purpose: Purpose, signal: AbortSignal): Promise<Listing['blocks']> {
    const running = this.#last.then(() => this.#get(question, purpose, signal));
    this.#last = running.catch(() => undefined); // the caller gets the error from `running`
    return running;
  }

  async #get(question: Question, purpose: Purpose, signal: AbortSignal) {
    try {
      return await this.#ask(question, purpose, signal);
    } catch (error) {
      if (!isPassing(error) || signal.aborted) throw error;
      await this.#options.clock.sleep(RETRY_MS, signal);
      signal.throwIfAborted();
      return this.#ask(question, purpose, signal);
    }
  }

  async #ask(question: Question, purpose: Purpose, signal: AbortSignal) {
    const { tokens } = this.#options;
    const first = await this.#send(question, purpose, signal);
    if (first.answer.status !== 401) return this.#read(question, first.answer);
    tokens.refuse(first.token);
    const second = await this.#send(question, purpose, signal);
    if (second.answer.status !== 401) return this.#read(question, second.answer);
    const error = errorOf(question, second.answer);
    tokens.giveUp(error);
    throw error;
  }

  async #send({ kind, path, maxBytes }: Question, purpose: Purpose, signal: AbortSignal) {
    const { http, apiUrl, tokens, budget, clock, onRequest } = this.#options;
    for (let waitMs = budget.waitMs(purpose); waitMs > 0; waitMs = budget.waitMs(purpose)) {
      await clock.sleep(waitMs, signal);
      signal.throwIfAborted();
    }
    const token = await tokens.get(signal); // after the wait, in which an older one may expire
    budget.take();
    onRequest?.(kind);
    const headers = { authorization: `bearer ${token}` };
    const answer = await http({ method: 'GET', url: apiUrl + path, headers, maxBytes }, signal);
    return { answer, token };
  }

  #read(question: Question, answer: HttpAnswer): Listing['blocks'] {
    const { budget, tokens } = this.#options;
    const rate = {
      limit: headerOf(answer, 'x-ratelimit-limit'),
      remaining: headerOf(answer, 'x-ratelimit-remaining'),
      reset: headerOf(answer, 'x-ratelimit-reset'),
      retryAfter: headerOf(answer, 'retry-after'),
    };
    budget.heard(rate);
    if (answer.status === 429) budget.refused(rate);
    if (answer.status !== 200) throw errorOf(question, answer);
    tokens.accepted();
    return answer.blocks;
  }
}

function errorOf({ path }: Question, answer: HttpAnswer): CfApiError {
  const [what = ''] = path.split('?');
  return cfApiError(what, answer.status, textOf(answer, MAX_ERROR_BYTES));
}

function isPassing(error: unknown): boolean {
  if (error instanceof CfApiError) return error.status >= 500;
  return error instanceof SourceError && PASSING.has(error.fault);
}
