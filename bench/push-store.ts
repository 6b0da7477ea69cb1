/**
 * Single pushes and reads of a gateway, outside of what `push-client.ts` counts.
 */
import { Agent, request } from 'node:http';
import { pushedBody, SERIES_PER_WORKER } from './push-bodies.ts';
import type { PushTarget } from './push-targets.ts';

export type PushMode = 'aggregate' | 'replace';

const agent = new Agent({ keepAlive: true });

export interface OnePush {
  readonly mode: PushMode;
  readonly job: string;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  /** From the request to the last byte. */
  readonly ms: number;
  readonly bytes: number;
  /** The begin of the body. */
  readonly text: string;
}

/** The headers of a push to this gateway. */
export function pushHeaders({ headers, adds }: PushTarget, mode: PushMode) {
  const added = adds && mode === 'aggregate' ? [['X-Push-Mode', 'aggregate'] as const] : [];
  return [...headers, ...added];
}

export async function pushOnce(target: PushTarget, { mode, job, body }: OnePush): Promise<void> {
  const { status, text } = await ask(target, {
    method: mode === 'replace' ? 'PUT' : 'POST',
    path: `${target.page}/job/${job}`,
    headers: { 'Content-Type': 'text/plain; version=0.0.4', ...fields(target, mode) },
    body,
  });
  if (status !== 200 && status !== 202) throw new Error(`${target.name}: ${status} ${text}`);
}

/** Reads the page of all metrics, and throws it away. */
export async function readPage(
  target: PushTarget,
  { gzip }: { readonly gzip: boolean },
): Promise<Answer> {
  const answer = await ask(target, {
    method: 'GET',
    path: target.page,
    headers: { ...Object.fromEntries(target.headers), ...(gzip && { 'Accept-Encoding': 'gzip' }) },
  });
  if (answer.status !== 200) throw new Error(`${target.name}: ${answer.status} ${answer.text}`);
  return answer;
}

export interface Stored {
  readonly mode: PushMode;
  readonly series: number;
  /** Of each job. */
  readonly seriesPerJob?: number;
}

/** The job `stored-<number>` of those that `store` has pushed. */
export function storedPush(
  number: number,
  { mode, seriesPerJob = 1_000 }: Stored,
  at = 0,
): OnePush {
  const workers = seriesPerJob / SERIES_PER_WORKER;
  return { mode, job: `stored-${number}`, body: pushedBody({ kind: 'values', workers, at }) };
}

/** Pushes so many series, of jobs that the client of the benchmark does not push to. */
export async function store(target: PushTarget, stored: Stored): Promise<void> {
  const { series, seriesPerJob = 1_000 } = stored;
  const jobs = Math.ceil(series / seriesPerJob);
  for (let job = 0; job < jobs; job++) await pushOnce(target, storedPush(job, stored));
  if (jobs === 0 || target.name === 'floor') return;
  const { bytes } = await readPage(target, { gzip: false });
  if (bytes < series * 40) throw new Error(`${target.name} does not have what was pushed`);
}

function fields(target: PushTarget, mode: PushMode): Record<string, string> {
  return Object.fromEntries(pushHeaders(target, mode));
}

interface Question {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

const MAX_TEXT = 1_000;

function ask({ port }: PushTarget, { body, ...of }: Question): Promise<Answer> {
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    const asked = request({ ...of, host: '127.0.0.1', port, agent }, (answer) => {
      let bytes = 0;
      let text = '';
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (text.length < MAX_TEXT) text += chunk.toString('utf8', 0, MAX_TEXT);
      });
      answer.once('error', reject);
      answer.once('end', () => {
        const ms = performance.now() - startMs;
        resolve({ status: answer.statusCode ?? 0, ms, bytes, text });
      });
    });
    asked.once('error', reject);
    asked.end(body);
  });
}
