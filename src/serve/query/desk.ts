/**
 * The desk of queries: each waits for its turn, has a deadline, is listed while it runs, and is told
 * to the observers when it is over.
 */
import type { Socket } from 'node:net';
import { EvaluationError } from '../../promql/evaluate/failure.ts';
import { QueryError } from '../query-errors.ts';
import { answerNow, type RequestContext } from '../request.ts';
import { pushes, type Scope } from '../scope.ts';
import { QueryGate, type QueryGateOptions } from './gate.ts';

export interface QueryLimits extends QueryGateOptions {
  /** `query.timeout`; a reader may ask for less. */
  readonly timeoutMs: number;
}

export interface QueryDeskOptions {
  /** Read anew for each query, since a reload may change them. */
  readonly limits: () => QueryLimits;
  /** Called with each query that is over. Must not throw. */
  readonly onEnd?: (ended: EndedQuery) => void;
}

/** A query that waits or runs. */
export interface ActiveQuery {
  readonly id: number;
  /** `query`, `query_range`, `series`: the last part of the call's path. */
  readonly call: string;
  query: string;
  readonly sinceMs: number;
  readonly tenant: string;
  state: 'queued' | 'running' | 'sending';
}

export interface EndedQuery {
  readonly id: number;
  readonly call: string;
  readonly query: string;
  readonly tenant: string;
  readonly queuedMs: number;
  /** From the begin of the run to the first byte of the answer. */
  readonly runMs: number;
  /** To the last byte that the reader took. */
  readonly totalMs: number;
  readonly failed: boolean;
  readonly figures: Figures;
}

/** What a query cost. */
export interface Figures {
  readonly series: number;
  readonly samples: number;
  readonly peakSamples: number;
  readonly requests: number;
}

export const NO_FIGURES: Figures = { series: 0, samples: 0, peakSamples: 0, requests: 0 };

export interface Run {
  /** Aborts when the reader has left, promgate stops, or the deadline has come. */
  readonly signal: AbortSignal;
  readonly queuedMs: number;
  /** Sets the text that is listed, where it is known only now. */
  describe(query: string): void;
  /** Call this when the answer is complete and is sent from now on. */
  sending(figures: Figures): void;
}

export interface Work {
  readonly call: string;
  /** The text that is listed. */
  readonly query: string;
  /** What the reader asked for. */
  readonly timeoutMs: number | undefined;
}

const IDLE_MARGIN_MS = 60_000;
/** The list and the log show only this many characters of a query. */
export const MAX_SHOWN = 4_096;

export class QueryDesk {
  readonly gate: QueryGate;
  readonly #options: QueryDeskOptions;
  readonly #active = new Map<number, ActiveQuery>();
  #ids = 0;

  constructor(options: QueryDeskOptions) {
    this.#options = options;
    this.gate = new QueryGate(options.limits);
  }

  /** The queries that wait or run, the oldest first. */
  active(): readonly ActiveQuery[] {
    return [...this.#active.values()];
  }

  /** Runs `work` when it is the query's turn. */
  async run(
    { state, req }: Pick<RequestContext, 'state' | 'req'>,
    { call, query, timeoutMs }: Work,
    work: (run: Run) => Promise<void>,
  ): Promise<void> {
    const sinceMs = Date.now();
    const beganMs = performance.now();
    const tenant = tenantOf(state.scope);
    const id = this.#ids++;
    const listed = { id, call, query: query.slice(0, MAX_SHOWN), sinceMs, tenant };
    const active: ActiveQuery = { ...listed, state: 'queued' };
    this.#active.set(id, active);
    const timer = new AbortController();
    const most = Math.min(timeoutMs ?? Number.POSITIVE_INFINITY, this.#options.limits().timeoutMs);
    const timeout = setTimeout(() => timer.abort(timedOut()), most);
    keepOpen(req.socket, most + IDLE_MARGIN_MS);
    const signal = AbortSignal.any([answerNow(state), timer.signal]);
    let startedMs = beganMs;
    let answeredMs: number | undefined;
    let figures = NO_FIGURES;
    try {
      using _ = await this.gate.enter(tenant, signal);
      startedMs = performance.now();
      active.state = 'running';
      await work({
        signal,
        queuedMs: startedMs - beganMs,
        describe: (text) => {
          active.query = text.slice(0, MAX_SHOWN);
        },
        sending: (cost) => {
          clearTimeout(timeout); // from now on the bounds of slow readers hold
          figures = cost;
          answeredMs = performance.now();
          active.state = 'sending';
        },
      });
    } catch (error) {
      throw namingDeadline(error, most);
    } finally {
      clearTimeout(timeout);
      this.#active.delete(id);
      const endedMs = performance.now();
      this.#options.onEnd?.({
        ...{ id, call, query: active.query, tenant, figures, failed: answeredMs === undefined },
        queuedMs: startedMs - beganMs,
        runMs: (answeredMs ?? endedMs) - startedMs,
        totalMs: endedMs - beganMs,
      });
    }
  }
}

/** A timeout names the bound that has ended the query. */
function namingDeadline(error: unknown, ms: number): unknown {
  const isTimeout =
    (error instanceof EvaluationError && error.failure === 'timeout') ||
    (error instanceof QueryError && error.type === 'timeout');
  if (!isTimeout) return error;
  const bound = `query.timeout or the parameter timeout: ${ms / 1000} s`;
  return new QueryError('timeout', `${error.message} (${bound})`, { cause: error });
}

/** The server ends connections that are silent for long: not while a query may still run. */
function keepOpen(socket: Socket, ms: number): void {
  if (socket.timeout !== undefined && socket.timeout > 0 && socket.timeout < ms) {
    socket.setTimeout(ms);
  }
}

function timedOut(): DOMException {
  return new DOMException('the deadline of the query has come', 'TimeoutError');
}

/** Who shares a bound: all queries of one app or space. '' for operators. */
export function tenantOf(scope: Scope): string {
  if (scope === 'all' || pushes(scope)) return '';
  return `${scope.spaceId}/${scope.appId ?? ''}`;
}
