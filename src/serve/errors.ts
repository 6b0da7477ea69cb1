/**
 * Errors as HTTP answers: `application/problem+json` with a `code` of a closed set.
 *
 * Only this file maps codes and failures to statuses; `push-problems.ts` has its part for pushes.
 * `promfetcher-errors.ts` and `push-answers.ts` answer some errors with the plain texts of other
 * programs instead.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9457
 */
import type { ParameterizedContext } from 'koa';
import type { EndpointFailure } from '../fetch/endpoint-failure.ts';
import type { Failure } from '../fetch/failure.ts';
import { PUSH_PROBLEMS } from './push-problems.ts';

const PROBLEMS = {
  'bad-request': { status: 400, title: 'The request cannot be understood' },
  unauthorized: { status: 401, title: 'A credential is needed' },
  forbidden: { status: 403, title: 'This credential does not give access' },
  'not-found': { status: 404, title: 'There is nothing here' },
  'method-not-allowed': { status: 405, title: 'This path does not support the method' },
  'request-timeout': { status: 408, title: 'The request arrived too slowly' },
  ambiguous: { status: 409, title: 'Several instances match' },
  'headers-too-large': { status: 431, title: 'The headers are too large' },
  internal: { status: 500, title: 'promgate failed to answer' },
  'instance-failed': { status: 502, title: 'The instance gave no metrics' },
  'origin-failed': { status: 502, title: 'The origin gave no answer' },
  'unknown-coding': { status: 501, title: 'This transfer coding is not understood' },
  'upgrade-refused': { status: 501, title: 'This kind of connection is not carried' },
  'too-many-requests': { status: 503, title: 'Too many requests are under way' },
  starting: { status: 503, title: 'The route table is not known yet' },
  'tokens-unknown': { status: 503, title: 'The token cannot be checked' },
  'instance-timeout': { status: 504, title: 'The instance did not answer in time' },
  'origin-timeout': { status: 504, title: 'The origin did not answer in time' },
  'not-cached': { status: 504, title: 'No stored answer fits this request' },
  loop: { status: 508, title: 'The request already went through promgate' },
  bad_url: { status: 400, title: 'The endpoint is no URL that promgate takes' },
  denied_scheme: { status: 403, title: 'promgate asks endpoints by http and https only' },
  denied_port: { status: 403, title: 'promgate asks no endpoint at this port' },
  denied_address: { status: 403, title: 'promgate must not ask this endpoint' },
  upstream_dns: { status: 502, title: 'The name of the endpoint has no address' },
  upstream_unreachable: { status: 502, title: 'No connection to the endpoint' },
  upstream_tls: { status: 502, title: 'The endpoint does not prove its identity' },
  upstream_redirects: { status: 502, title: 'The endpoint redirects elsewhere' },
  upstream_status: { status: 502, title: 'The endpoint answered with another status than 200' },
  upstream_truncated: { status: 502, title: 'The answer of the endpoint is broken' },
  body_too_large: { status: 502, title: 'The page of the endpoint is too large' },
  not_metrics: { status: 502, title: 'The endpoint gave no metrics' },
  too_many_jobs: { status: 503, title: 'Too many endpoints are kept warm' },
  overloaded: { status: 503, title: 'promgate has no room for the page' },
  upstream_timeout: { status: 504, title: 'The endpoint did not answer in time' },
  denied_loop: { status: 508, title: 'The endpoint is promgate itself' },
  busy: { status: 503, title: 'Too many bodies are being read' },
  ...PUSH_PROBLEMS,
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;

export type ProblemCode = keyof typeof PROBLEMS;

/** All codes; the documentation has an entry for each. */
export const PROBLEM_CODES = Object.keys(PROBLEMS) as readonly ProblemCode[];

/** The problem codes for the failure of an instance that was asked alone. */
const FAILURE_CODES: Readonly<Record<Failure, ProblemCode>> = {
  ambiguous: 'instance-failed',
  moved: 'instance-failed',
  refused: 'instance-failed',
  unreachable: 'instance-failed',
  'no-descriptors': 'instance-failed',
  timeout: 'instance-timeout',
  'tls-identity': 'instance-failed',
  'tls-client': 'instance-failed',
  tls: 'instance-failed',
  redirect: 'instance-failed',
  'status-4xx': 'instance-failed',
  'status-5xx': 'instance-failed',
  'status-other': 'instance-failed',
  'not-http': 'instance-failed',
  'too-large': 'instance-failed',
  truncated: 'instance-failed',
  'over-budget': 'instance-failed',
  'not-metrics': 'instance-failed',
  invalid: 'instance-failed',
  'unknown-route': 'instance-failed',
  'no-endpoints': 'instance-failed',
  'endpoint-failure': 'instance-failed',
  'router-refused': 'instance-failed',
  'route-policy': 'instance-failed',
  'route-path': 'instance-failed',
  'port-unreachable': 'instance-failed',
  'no-way': 'instance-failed',
  aborted: 'instance-timeout',
};

export interface ProblemOptions extends ErrorOptions {
  /** In place of the status that the code usually has. */
  readonly status?: number | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members of the answer. */
  readonly members?: Readonly<Record<string, unknown>>;
}

/** A request that cannot be answered as asked. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly members: Readonly<Record<string, unknown>>;

  /** @param detail - tells the reader what is wrong, and what to do */
  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail, options);
    this.code = code;
    this.status = options.status ?? PROBLEMS[code].status;
    this.headers = options.headers ?? {};
    this.members = options.members ?? {};
  }
}

/** Makes the failure of the only instance that was asked an error of the request. */
export function failureProblem(failure: Failure, address: string, advice?: string): Problem {
  const detail = `${address}: ${failure}${advice === undefined ? '' : `; ${advice}`}`;
  return new Problem(FAILURE_CODES[failure], detail, { members: { failure } });
}

/** How long a reader should wait after a refusal for want of room. */
const RETRY = { 'Retry-After': '5' };

/**
 * Makes the failure of an endpoint an error of the request.
 *
 * @param notFound - answers 404 if the endpoint gave no page, as prom-cache does
 */
export function endpointProblem(
  failure: EndpointFailure,
  why: string,
  { notFound }: { readonly notFound: boolean },
): Problem {
  if (failure === 'url_too_long') return new Problem('bad_url', why, { status: 414 });
  const isOurs = failure === 'too_many_jobs' || failure === 'overloaded';
  const isAnswered = /^(?:upstream_|body_|not_)/.test(failure);
  return new Problem(failure, why, {
    ...(isOurs && { headers: RETRY }),
    ...(notFound && isAnswered && { status: 404 }),
  });
}

/** @returns the body of the answer: JSON in UTF-8 */
export function problemBody({ code, message, status, members }: Problem): Buffer {
  const { title } = PROBLEMS[code];
  return Buffer.from(`${JSON.stringify({ title, status, detail: message, code, ...members })}\n`);
}

export const PROBLEM_TYPE = 'application/problem+json';

/** Answers with `problem` in place of whatever was prepared. */
export function writeProblem(ctx: ParameterizedContext, problem: Problem): void {
  for (const name of Object.keys(ctx.response.headers)) {
    if (/^(?:content-|transfer-|etag|cache-|last-modified)/.test(name)) ctx.remove(name);
  }
  ctx.status = problem.status;
  ctx.set({ ...problem.headers });
  ctx.set('Content-Type', PROBLEM_TYPE);
  ctx.body = problemBody(problem);
}
