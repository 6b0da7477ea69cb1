/**
 * The page of an app as a running promgate gives it.
 *
 * The token comes from the environment: other users of the machine can read a command line.
 */
import type { AskedApp, PageAnswer } from './asked-app.ts';

export interface Remote {
  readonly url: string;
  readonly token: string | undefined;
}

const TIMEOUT_MS = 30_000;
/** promgate answers within the deadline that it is told, and this reader waits a little longer. */
const GRACE_MS = 5_000;
const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const MAX_SAID_BYTES = 500;

export async function openRemotePage(asked: AskedApp, remote: Remote): Promise<PageAnswer> {
  const url = pageUrl(asked, remote.url);
  if (!(url instanceof URL)) return url;
  const { token } = remote;
  if (token !== undefined && !isNamed(token) && !/^[\x21-\x7e]+$/.test(token)) {
    return { kind: 'wrong', says: 'PROMGATE_TOKEN holds a character that no header may hold' };
  }
  const { timeoutMs = TIMEOUT_MS } = asked;
  try {
    const answer = await fetch(url, {
      redirect: 'manual', // a redirect must not take the token elsewhere
      signal: AbortSignal.timeout(timeoutMs + GRACE_MS),
      headers: {
        Accept: asked.accept,
        'User-Agent': 'promgate scrape',
        'X-Prometheus-Scrape-Timeout-Seconds': String(timeoutMs / 1000),
        ...(token !== undefined && { Authorization: authorization(token) }),
      },
    });
    if (answer.status === 200 && answer.body) return { kind: 'page', pieces: answer.body };
    return refused(answer, remote);
  } catch (error) {
    const { message, cause } = error instanceof Error ? error : new Error(String(error));
    const why = cause instanceof Error ? cause.message || String(cause) : message;
    const says = `no answer of promgate at ${url.origin}: ${why}\nlook at --url, and whether it runs`;
    return { kind: 'unavailable', says };
  }
}

function pageUrl(asked: AskedApp, base: string): URL | PageAnswer {
  const wrong = (says: string): PageAnswer => ({ kind: 'wrong', says });
  const url = URL.parse(base);
  if (!url || !/^https?:$/.test(url.protocol)) {
    return wrong('--url takes an http: or https: URL, such as https://promgate.example.com');
  }
  if (url.username !== '' || url.password !== '') {
    return wrong('--url takes no credentials, which others could read: set PROMGATE_TOKEN');
  }
  const { app, instance, path, process } = asked;
  if (instance !== undefined && !GUID.test(app)) {
    return wrong('--instance goes with --url only if the app is named by its guid');
  }
  const parts = app.split('/').map(encodeURIComponent);
  const middle = instance === undefined ? '' : `/instances/${encodeURIComponent(instance)}`;
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/apps/${parts.join('/')}${middle}/metrics`;
  url.hash = '';
  if (path !== undefined) url.searchParams.set('metric_path', path);
  if (process !== undefined) url.searchParams.set('process', process);
  return url;
}

/** Whether it is an operator's `NAME:PASSWORD`: no token has a colon. */
function isNamed(token: string): boolean {
  return token.includes(':');
}

function authorization(token: string): string {
  return isNamed(token) ? `Basic ${Buffer.from(token).toString('base64')}` : `Bearer ${token}`;
}

async function refused(answer: Response, { token }: Remote): Promise<PageAnswer> {
  const { status } = answer;
  const text = await beginOf(answer);
  const says = `promgate answered ${status}: ${text}`;
  if (status === 404) return { kind: 'unknown', says };
  if (status === 400) return { kind: 'wrong', says };
  if (status === 401 || status === 403) {
    const how = token === undefined ? 'set PROMGATE_TOKEN' : 'PROMGATE_TOKEN is not accepted';
    return {
      kind: 'unavailable',
      says: `${says}\n${how}: a token of a binding opens its own apps, NAME:PASSWORD of an operator all`,
    };
  }
  // These tell of the instances, not of promgate.
  if (status === 406 || status === 502 || status === 504) return { kind: 'down', says };
  return { kind: 'unavailable', says };
}

/** The beginning of a body that may have no end, on one line. */
async function beginOf({ body }: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of body ?? []) {
    parts.push(part);
    sizeBytes += part.length;
    if (sizeBytes >= MAX_SAID_BYTES) break; // which cancels the rest
  }
  const text = Buffer.concat(parts).toString().slice(0, MAX_SAID_BYTES);
  return text.replaceAll(/\p{Cc}+/gu, ' ').trim();
}
