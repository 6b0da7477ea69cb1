/**
 * What clients of the three compatible interfaces get: the statuses and texts of the programs that
 * they were written for.
 */
import type { PushRefusal, PushRefusalCode } from '../push/refusal.ts';
import { PROBLEM_TYPE, Problem, problemBody } from './errors.ts';

/**
 * `counter`: the push gateway of cf-workers; `aggregation`: prom-aggregation-gateway; `group`:
 * Pushgateway.
 */
export const PUSH_INTERFACES = ['counter', 'aggregation', 'group'] as const;

export type PushInterface = (typeof PUSH_INTERFACES)[number];

export interface PushAnswer {
  readonly status: number;
  /** Without `Content-Length`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const NOTHING = Buffer.alloc(0);
const OK = Buffer.from('ok');

const TEXT = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' };

const ACCEPTED: Readonly<Record<PushInterface, PushAnswer>> = {
  counter: { status: 200, headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body: OK },
  aggregation: { status: 202, headers: {}, body: NOTHING },
  group: { status: 200, headers: {}, body: NOTHING },
};

/** The answer of Pushgateway to what it does later. */
export const QUEUED: PushAnswer = { status: 202, headers: {}, body: NOTHING };

export function acceptedAnswer(of: PushInterface, isReplay: boolean): PushAnswer {
  const answer = ACCEPTED[of];
  if (!isReplay) return answer;
  return { ...answer, headers: { ...answer.headers, 'Idempotent-Replay': 'true' } };
}

const INCONSISTENT = 'pushed metrics are invalid or inconsistent with existing metrics: ';
const NO_TIMESTAMPS = 'pushed metrics must not have timestamps';

/** Why Pushgateway notes the time of a refused push in the group. */
const NOTED: ReadonlySet<PushRefusalCode> = new Set<PushRefusalCode>([
  'timestamps',
  'type_conflict',
  'series_conflict',
  'duplicate_series',
]);

/** Refusals whose words none of the three programs has. */
const OWN: ReadonlySet<PushRefusalCode> = new Set<PushRefusalCode>(['bad_header']);

export function isNoted(of: PushInterface, { code }: PushRefusal): boolean {
  return of === 'group' && NOTED.has(code);
}

/** The seconds after which a client may try again. */
const RETRY_SECONDS: Readonly<Partial<Record<PushRefusalCode, string>>> = {
  rate_limit: '1',
  not_stored: '5',
  tenant_limit: '60',
};

export function refusalProblem(refusal: PushRefusal): Problem {
  const { code, message, details } = refusal;
  const retry = RETRY_SECONDS[code];
  return new Problem(code, message, {
    ...(details && { members: { ...details } }),
    ...(retry !== undefined && { headers: { 'Retry-After': retry } }),
    cause: refusal,
  });
}

/** The answer to a refused push: plain text where the other programs have one, else a problem. */
export function refusalAnswer(of: PushInterface, refusal: PushRefusal): PushAnswer {
  const problem = refusalProblem(refusal);
  if (problem.status !== 400 || of === 'counter' || OWN.has(refusal.code)) {
    return problemAnswer(problem);
  }
  const text = of === 'group' ? pushgatewayText(refusal) : aggregationText(refusal);
  return { status: 400, headers: TEXT, body: Buffer.from(`${text}\n`) };
}

function pushgatewayText(refusal: PushRefusal): string {
  const why = refusal.code === 'timestamps' ? NO_TIMESTAMPS : refusal.message;
  return isNoted('group', refusal) ? INCONSISTENT + why : why;
}

function aggregationText({ types, message }: PushRefusal): string {
  if (!types) return message;
  const [known, pushed] = [types.known, types.pushed].map(goType);
  return `cannot merge metric '${types.family}': type ${known} != ${pushed}`;
}

/** The type as prom-aggregation-gateway prints it. */
function goType(type: string): string {
  return type === 'unknown' ? 'UNTYPED' : type.toUpperCase();
}

function problemAnswer(problem: Problem): PushAnswer {
  const headers = { ...problem.headers, 'Content-Type': PROBLEM_TYPE };
  return { status: problem.status, headers, body: problemBody(problem) };
}
