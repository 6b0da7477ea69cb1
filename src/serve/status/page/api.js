/** Asks promgate. The credential is kept in this tab only, and never sent elsewhere. */

/** @typedef {import('./types.d.ts').Refusal} Refusal */

const KEY = 'promgate.authorization';

/** @returns {string | null} */
export function credential() {
  return sessionStorage.getItem(KEY);
}

/**
 * @param {string} name of an operator; '' for a token
 * @param {string} secret
 */
export function signIn(name, secret) {
  const isBearer = name === '' && /^[A-Za-z0-9._~+/-]+=*$/.test(secret);
  sessionStorage.setItem(KEY, isBearer ? `Bearer ${secret}` : basic(name, secret));
}

export function signOut() {
  sessionStorage.removeItem(KEY);
}

/** promgate refused a request. */
export class RefusedError extends Error {
  /** @param {Refusal} refusal */
  constructor(refusal) {
    super(refusal.detail);
    this.refusal = refusal;
  }
}

/**
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {Promise<Response>}
 * @throws {RefusedError}
 */
export async function open(path, signal) {
  const authorization = credential();
  /** @type {RequestInit} */
  const init = {
    credentials: 'omit', // else the browser asks for a password by a dialog of its own
    cache: 'no-store',
    headers: authorization === null ? {} : { Authorization: authorization },
  };
  let answer;
  try {
    answer = await fetch(path, signal ? { ...init, signal } : init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new RefusedError({
      ...{ status: 0, title: 'promgate does not answer', challenge: '' },
      detail: 'The connection failed. The page tries again.',
    });
  }
  if (answer.ok) return answer;
  throw new RefusedError(await refusalOf(answer));
}

/**
 * @template T
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
export async function ask(path, signal) {
  return await (await open(path, signal)).json();
}

/**
 * @param {Response} answer
 * @returns {Promise<Refusal>}
 */
async function refusalOf(answer) {
  const text = (await answer.text()).slice(0, 2000);
  const challenge = answer.headers.get('WWW-Authenticate') ?? '';
  try {
    const { title = '', detail = '' } = JSON.parse(text);
    return { status: answer.status, title: String(title), detail: String(detail), challenge };
  } catch {
    return { status: answer.status, title: `Status ${answer.status}`, detail: text, challenge };
  }
}

/**
 * @param {string} name
 * @param {string} secret
 */
function basic(name, secret) {
  const utf8 = new TextEncoder().encode(`${name}:${secret}`);
  return `Basic ${btoa(String.fromCharCode(...utf8))}`;
}
