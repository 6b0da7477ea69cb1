/** The status page: which view is shown, when it asks again, and who reads. */
import { ask, credential, RefusedError, signOut } from './api.js';
import { showApp } from './detail.js';
import { byId, h, put } from './dom.js';
import { readQuery, showList } from './list.js';
import { showLogin } from './login.js';
import { showOverview } from './overview.js';

/** @typedef {import('./types.d.ts').Overview} Overview */

const EVERY_MS = 5_000;
const READERS = { all: 'sees everything', space: 'one space', app: 'one app', none: '' };

const main = byId('main');
const rail = byId('rail');
const health = byId('health');
const session = byId('session');

/** @type {{ name: string, refresh: (signal: AbortSignal) => Promise<void>, update?: (query: ReturnType<typeof readQuery>) => void }} */
let view = { name: '', refresh: async () => undefined };
let leaving = new AbortController();
let turn = new AbortController();
let wasSent = false;

/** Shows the view that the address names. */
function navigate() {
  const guid = /^#\/app\/([0-9a-f-]{36})$/i.exec(location.hash)?.[1];
  const name = guid === undefined ? 'list' : `app ${guid}`;
  if (name !== view.name) {
    leaving.abort();
    leaving = new AbortController();
    document.title = 'promgate';
    const cameFromApp = view.name.startsWith('app ');
    view =
      guid === undefined
        ? { name, ...showList(main, readQuery(location.hash)) }
        : { name, ...showApp(main, guid, leaving.signal) };
    if (guid !== undefined || cameFromApp) main.focus();
    scrollTo(0, 0);
  } else view.update?.(readQuery(location.hash));
  void refresh();
}

async function refresh() {
  turn.abort();
  turn = new AbortController();
  const { signal } = turn;
  try {
    /** @type {Overview} */
    const overview = await ask('/status/overview', signal);
    showState(overview);
    showOverview(rail, overview);
    await view.refresh(signal);
    document.getElementById('trouble')?.remove();
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof RefusedError)) throw error;
    showRefusal(error.refusal);
  }
}

/** @param {Overview} overview */
function showState({ state, version, sources, reader, needsCredential }) {
  const failing = sources.filter((one) => one.state !== 'ready').length;
  const said = state !== 'ready' ? state : failing > 0 ? 'routes are old' : 'ready';
  if (health.textContent !== said) put(health, said);
  health.className = `health ${said === 'ready' ? 'good' : 'bad'}`;
  health.title = `promgate ${version}`;
  byId('reader').textContent = credential() === null ? '' : READERS[reader.sees];
  session.hidden = false;
  session.textContent =
    credential() === null ? 'Use a token' : needsCredential ? 'Sign out' : 'Drop the token';
}

/** @param {import('./types.d.ts').Refusal} refusal */
function showRefusal({ status, title, detail, challenge }) {
  if (status === 401) return showForm(challenge, wasSent || credential() !== null);
  if (status === 404 || (status === 403 && view.name !== '')) {
    const isForbidden = status === 403;
    put(
      main,
      h('a', { class: 'back', href: '#/' }, '← All apps'),
      h(
        'div',
        { class: 'card empty', role: 'alert' },
        h('h1', {}, isForbidden ? 'Not for this credential' : 'No such app'),
        h('p', { class: 'muted' }, detail),
      ),
    );
    view = { name: 'nothing', refresh: async () => undefined };
    if (isForbidden) {
      session.hidden = false;
      session.textContent = 'Sign out';
    }
    return;
  }
  const known = document.getElementById('trouble');
  const text = `${title}. ${detail}`;
  if (known) known.textContent = text;
  else main.prepend(h('p', { id: 'trouble', class: 'error card', role: 'alert' }, text));
  if (status === 0) {
    put(health, 'not reachable');
    health.className = 'health bad';
  }
}

/**
 * @param {string} challenge
 * @param {boolean} wrong
 */
function showForm(challenge, wrong) {
  leaving.abort();
  leaving = new AbortController();
  turn.abort();
  signOut();
  wasSent = false;
  view = { name: 'login', refresh: async () => undefined };
  rail.hidden = true;
  session.hidden = true;
  byId('reader').textContent = '';
  showLogin(main, {
    ...{ challenge, wrong },
    done: () => {
      wasSent = true;
      view = { name: '', refresh: async () => undefined };
      navigate();
    },
  });
}

session.addEventListener('click', () => {
  const hadOne = credential() !== null;
  signOut();
  wasSent = false;
  if (!hadOne) return showForm('', false);
  view = { name: '', refresh: async () => undefined };
  rail.hidden = true;
  navigate();
});

addEventListener('hashchange', navigate);
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && view.name !== 'login') void refresh();
});
setInterval(() => {
  if (!document.hidden && view.name !== 'login') void refresh();
}, EVERY_MS);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => void refresh());
navigate();
