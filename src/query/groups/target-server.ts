/**
 * A server of a group that is asked over HTTP: remote read where it has that, else instant queries.
 */
import { Readable } from 'node:stream';
import { sleep } from '../../clock.ts';
import { callApi, refusalOf } from '../target/api.ts';
import { TargetError } from '../target/failure.ts';
import type { AnswerBody, QueryTarget, TargetAnswer } from '../target/http.ts';
import { jsonRead } from '../target/json-read.ts';
import { remoteRead } from '../target/remote-read.ts';
import { ExternalLabels, type ReadLabels, withoutLabels } from './external-labels.ts';
import {
  type CallAnswer,
  failureOf,
  type QueryServer,
  type ReadAnswer,
  type ReadRequest,
  type ServerCall,
} from './server.ts';
import type { GroupSettings } from './settings.ts';

/** Bound on answers that are parsed as a whole, which takes one turn. */
const MAX_CALL_BYTES = 16 * 2 ** 20;
/** The same for series, of which the labels and values of tenants are made, too. */
const MAX_SERIES_BYTES = 32 * 2 ** 20;
/** Bound on answers that are passed through. */
const MAX_STREAM_BYTES = 2 ** 32;
/** Failures that a second attempt may not meet: a restart, or a moment of too much work. */
const BRIEF: ReadonlySet<string> = new Set(['truncated', 'unavailable', 'status']);
const RETRY_MS = 50;
/** How long a server without remote read is taken for one. */
const LACK_MS = 60_000;

export interface TargetServerOptions {
  readonly target: QueryTarget;
  readonly settings: Pick<GroupSettings, 'remoteRead' | 'remoteReadPath'>;
  readonly readLabels: ReadLabels;
  readonly nowMs: () => number;
}

export class TargetServer implements QueryServer {
  readonly url: string;
  readonly #options: TargetServerOptions;
  readonly #externalLabels: ExternalLabels;
  /** When the server said that it has no remote read. */
  #lacksReadAtMs = -Infinity;

  constructor(options: TargetServerOptions) {
    this.#options = options;
    this.url = options.target.url.href;
    this.#externalLabels = new ExternalLabels(options);
  }

  async read(request: ReadRequest, signal: AbortSignal): Promise<ReadAnswer> {
    const target = watched(this.#options.target, request.onProgress);
    try {
      return await this.#read(target, request, signal);
    } catch (error) {
      if (!BRIEF.has(failureOf(error)) || signal.aborted) throw error;
    }
    await sleep(RETRY_MS, signal);
    return this.#read(target, request, signal);
  }

  async call({ path, parameters }: ServerCall, signal: AbortSignal): Promise<CallAnswer> {
    const { target } = this.#options;
    const maxBytes = path === 'series' ? MAX_SERIES_BYTES : MAX_CALL_BYTES;
    const options = { signal, maxBytes, method: methodOf(path) };
    try {
      return await callApi(target, `api/v1/${path}`, parameters, options);
    } catch (error) {
      if (failureOf(error) !== 'too-big') throw error;
      const bound = `${maxBytes / 2 ** 20} MiB, the fixed bound of such answers`;
      const what = `the answer to ${path} has more than ${bound}`;
      throw new TargetError('too-big', target.name, what, { cause: error });
    }
  }

  async stream({ path, parameters }: ServerCall, signal: AbortSignal): Promise<Readable> {
    const { target } = this.#options;
    const options = { signal, maxBytes: MAX_STREAM_BYTES, method: methodOf(path) };
    const answer = await target.call(`api/v1/${path}`, parameters, options);
    if (answer.status !== 200) throw await refusalOf(target, answer);
    return Readable.from(answer.body, { objectMode: false });
  }

  async close(): Promise<void> {
    await this.#options.target[Symbol.asyncDispose]();
  }

  async #read(target: QueryTarget, request: ReadRequest, signal: AbortSignal): Promise<ReadAnswer> {
    const { settings, nowMs } = this.#options;
    const mayRead = settings.remoteRead !== 'never' && nowMs() - this.#lacksReadAtMs > LACK_MS;
    if (settings.remoteRead === 'always' || mayRead) {
      try {
        return await this.#remoteRead(target, request, signal);
      } catch (error) {
        if (settings.remoteRead === 'always' || failureOf(error) !== 'not-found') throw error;
        this.#lacksReadAtMs = nowMs();
      }
    }
    const { series, warnings, infos } = await jsonRead(target, request, {
      ...{ signal, budget: request.budget },
    });
    const lost = `${target.name} is not read by remote read: ends of series are not seen`;
    return { series, infos: [lost, ...warnings, ...infos] };
  }

  async #remoteRead(
    target: QueryTarget,
    request: ReadRequest,
    signal: AbortSignal,
  ): Promise<ReadAnswer> {
    const { remoteReadPath } = this.#options.settings;
    const labels = await this.#externalLabels.labels(signal);
    const options = { signal, budget: request.budget, path: remoteReadPath };
    const series = await remoteRead(target, request, options);
    if (labels !== undefined) return { series: withoutLabels(series, labels), infos: [] };
    const info = `${target.name} does not tell its external_labels: they stay on its series`;
    return { series, infos: [info] };
  }
}

/** Only these may be asked by a form. */
function methodOf(path: string): 'get' | 'form' {
  return /^(?:query|query_range|query_exemplars|series|labels)$/.test(path) ? 'form' : 'get';
}

/** A target that tells when bytes come. */
function watched(target: QueryTarget, onProgress: (() => void) | undefined): QueryTarget {
  if (onProgress === undefined) return target;
  return {
    url: target.url,
    name: target.name,
    call: async (path, parameters, options) => {
      const answer = await target.call(path, parameters, options);
      onProgress();
      return watchedAnswer(answer, onProgress);
    },
    [Symbol.asyncDispose]: () => target[Symbol.asyncDispose](),
  };
}

function watchedAnswer(answer: TargetAnswer, onProgress: () => void): TargetAnswer {
  const { body } = answer;
  const watchedBody: AnswerBody = {
    get bytes() {
      return body.bytes;
    },
    discard: () => body.discard(),
    async *[Symbol.asyncIterator]() {
      for await (const part of body) {
        onProgress();
        yield part;
      }
    },
  };
  return { status: answer.status, header: (name) => answer.header(name), body: watchedBody };
}
