/**
 * `GET /v1/apps/…` and `/v2/apps/…`: the metrics of an app's instances as one page.
 *
 * Paths, parameters, statuses and texts are Promfetcher's. `/v2` answers only in the text format.
 */
import type { DeadlineOptions } from '../fetch/deadline.ts';
import type { Gate } from './admission.ts';
import { answerPage, countInstances, VARY } from './answer-page.ts';
import type { AppPages } from './app-pages.ts';
import {
  type AppQuestion,
  type QuestionOptions,
  readAppQuestion,
  readInstanceQuestion,
} from './app-question.ts';
import { readerName } from './client-address.ts';
import type { KnownRequests } from './known-requests.ts';
import type { Lane } from './lane.ts';
import { hurrySignal } from './presence.ts';
import type { Exchange, Handler, RequestContext } from './request.ts';

export interface AppsOptions extends QuestionOptions, DeadlineOptions {
  readonly pages: AppPages;
  readonly lane?: Lane | undefined;
  /** Takes later requests that are equal to an answered one. */
  readonly known?: KnownRequests | undefined;
  /** Admits the requests that `known` takes, as others are admitted before the handler. */
  readonly gate?: Gate | undefined;
}

/** Answers `APPS_PATH`. */
export function apps(options: AppsOptions): Handler {
  return answering(options, readAppQuestion);
}

/** Answers `INSTANCE_PATH`. If the instance fails, the request fails. */
export function oneInstance(options: AppsOptions): Handler {
  return answering(options, readInstanceQuestion);
}

/** Answers a question that `read` reads of a request. */
export function answering(
  options: AppsOptions,
  read: (ctx: RequestContext, options: AppsOptions) => AppQuestion,
): Handler {
  return async (ctx) => {
    const question = read(ctx, options);
    ctx.set('Vary', VARY);
    if (ctx.method === 'HEAD') {
      ctx.set('Content-Type', question.negotiated.contentType.text);
      ctx.respond = false; // koa would remove the Content-Type of an answer without a body
      ctx.res.statusCode = 200;
      ctx.res.end();
      return;
    }
    try {
      await answer(options, ctx, question);
    } finally {
      ctx.respond = !ctx.headerSent && !ctx.socket.destroyed; // koa can answer with an error until then
    }
    const { gate = ungated, known } = options;
    if (question.withCredentials) return; // nobody else should hold them for long
    known?.add(ctx, (next) => gate(next, () => answerAlone(options, next, question)));
  };
}

/** Answers without koa. An error has the same headers as if koa had answered. */
async function answerAlone(
  options: AppsOptions,
  exchange: Exchange,
  question: AppQuestion,
): Promise<void> {
  try {
    await answer(options, exchange, question);
  } catch (error) {
    if (!exchange.res.headersSent) exchange.res.setHeader('Vary', VARY);
    throw error;
  }
}

/** Asks the instances, or the cache, and writes the page to the reader. */
async function answer(
  options: AppsOptions,
  exchange: Exchange,
  question: AppQuestion,
): Promise<void> {
  const { req, res, state } = exchange;
  const { timeoutMs, negotiated, gzip } = question;
  const kept = await options.pages.get(question.prepared(), {
    headers: () => question.headersFor(exchange),
    reader: readerName(req),
    ...{ signal: state.signal, hurry: hurrySignal(res) },
    deadlineMs: performance.now() + timeoutMs,
  });
  using page = kept.page;
  state.instances = countInstances(page);
  question.check(page.outcomes);
  const { contentType } = negotiated;
  const { lane, maxTimeoutMs } = options;
  await answerPage(exchange, kept, { lane, maxTimeoutMs, contentType, gzip });
}

const ungated: Gate = (_, work) => work();
