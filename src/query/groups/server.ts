/**
 * The port to one server: a Prometheus, or what answers as one.
 */
import type { Readable } from 'node:stream';
import type {
  Matcher,
  SelectHints,
  SeriesBlock,
  TimeRange,
} from '../../promql/evaluate/storage.ts';
import type { ReadBudget } from '../target/read-budget.ts';
import type { LabelSet } from './settings.ts';

/** The samples that are asked for. */
export interface ReadRequest {
  readonly matchers: readonly Matcher[];
  readonly range: TimeRange;
  readonly hints: SelectHints;
  readonly budget: ReadBudget;
  /** Is called when bytes arrive: a server that sends is not frozen. */
  readonly onProgress?: () => void;
}

export interface ReadAnswer {
  /** Without the labels that the server adds only for others. */
  readonly series: readonly SeriesBlock[];
  /** What the way of reading has lost. */
  readonly infos: readonly string[];
}

/** A call of the API by path and form. */
export interface ServerCall {
  /** Behind `/api/v1/`. */
  readonly path: string;
  readonly parameters: readonly (readonly [string, string])[];
}

/** What an answer says that is read as a whole. */
export interface CallAnswer {
  readonly data: unknown;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
}

/** All errors have a `failure`. */
export interface QueryServer {
  readonly url: string;
  read(request: ReadRequest, signal: AbortSignal): Promise<ReadAnswer>;
  call(call: ServerCall, signal: AbortSignal): Promise<CallAnswer>;
  /** The bytes of a successful answer. */
  stream(call: ServerCall, signal: AbortSignal): Promise<Readable>;
  close(): Promise<void>;
}

/** A server of a group that is to be opened. */
export interface ServerPlace {
  readonly url: string;
  readonly labels: LabelSet;
}

/** The word of a failure; errors of other kinds are `internal`. */
export function failureOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'failure' in error) {
    const { failure } = error;
    if (typeof failure === 'string') return failure;
  }
  return 'internal';
}
