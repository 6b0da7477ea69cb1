/** The list of apps: search, states, pages. */
import { ask } from './api.js';
import { h, put } from './dom.js';
import { ago, count, plural } from './format.js';

/**
 * @typedef {import('./types.d.ts').AppList} AppList
 * @typedef {import('./types.d.ts').AppRow} AppRow
 * @typedef {{ q: string, state: string, offset: number }} Query
 */

const LIMIT = 50;
const TYPING_MS = 150;

/** @type {readonly (readonly ['all' | 'failing' | 'up' | 'unasked', string])[]} */
const STATES = [
  ['all', 'All'],
  ['failing', 'Failing'],
  ['up', 'Up'],
  ['unasked', 'Not asked'],
];

/** @param {string} hash */
export function readQuery(hash) {
  const params = new URLSearchParams(hash.slice(hash.indexOf('?') + 1));
  const offset = Number(params.get('offset') ?? 0);
  return {
    q: params.get('q') ?? '',
    state: params.get('state') ?? 'all',
    offset: Number.isSafeInteger(offset) && offset > 0 ? offset : 0,
  };
}

/** @param {Query} query */
function hashOf({ q, state, offset }) {
  const params = new URLSearchParams();
  if (q !== '') params.set('q', q);
  if (state !== 'all') params.set('state', state);
  if (offset > 0) params.set('offset', String(offset));
  const text = params.toString();
  return text === '' ? '#/' : `#/?${text}`;
}

/**
 * @param {HTMLElement} main
 * @param {Query} query
 * @returns {{ readonly refresh: (signal: AbortSignal) => Promise<void>, readonly update: (query: Query) => void }}
 */
export function showList(main, query) {
  let current = query;
  let typing = 0;
  const box = h('input', {
    ...{ id: 'search', type: 'search', placeholder: 'Organization, space, app or guid' },
    ...{ autocomplete: 'off', spellcheck: 'false', maxlength: 200, 'aria-controls': 'apps' },
    input: () => {
      clearTimeout(typing);
      busy.hidden = false;
      typing = window.setTimeout(() => {
        const next = hashOf({ ...current, q: box.value, offset: 0 });
        if (next === location.hash || (next === '#/' && location.hash === '')) busy.hidden = true;
        location.replace(next);
      }, TYPING_MS);
    },
  });
  box.value = query.q;
  const busy = h('progress', { class: 'busy', 'aria-label': 'Searching' });
  const tabs = h('div', { class: 'tabs', role: 'group', 'aria-label': 'Apps by state' });
  const said = h('p', { class: 'sr', role: 'status' });
  const rows = h('ul', { id: 'apps', class: 'rows card' });
  const pager = h('nav', { class: 'pager', 'aria-label': 'Pages of apps' });
  put(
    main,
    h('h1', { class: 'sr' }, 'Apps'),
    h(
      'div',
      { class: 'tools' },
      h('label', { class: 'sr', for: 'search' }, 'Search apps'),
      box,
      tabs,
    ),
    ...[busy, said, rows, pager],
  );
  /** @param {AppList} list */
  const show = (list) => {
    put(tabs, ...STATES.map(([state, label]) => tab(state, label, list, current)));
    const total = list.counts[/** @type {'all'} */ (current.state)] ?? list.counts.all;
    const found = plural(total, 'app');
    if (said.textContent !== found) said.textContent = found;
    if (list.apps.length === 0) put(rows, h('li', { class: 'note' }, emptyText(list, current)));
    else put(rows, ...list.apps.map(row));
    put(pager, ...pages(total, list, current));
  };
  return {
    refresh: async (signal) => {
      const { q, state, offset } = current;
      const params = new URLSearchParams({
        q,
        state,
        offset: String(offset),
        limit: String(LIMIT),
      });
      try {
        show(await ask(`/status/apps?${params}`, signal));
      } finally {
        if (!signal.aborted) busy.hidden = true;
      }
    },
    update: (next) => {
      current = next;
      if (document.activeElement !== box) box.value = next.q;
    },
  };
}

/**
 * @param {'all' | 'failing' | 'up' | 'unasked'} state
 * @param {string} label
 * @param {AppList} list
 * @param {Query} query
 */
function tab(state, label, { counts }, query) {
  const isCurrent = query.state === state;
  return h(
    'a',
    {
      class: `tab ${state === 'failing' && counts.failing > 0 ? 'some' : ''}`,
      href: hashOf({ ...query, state, offset: 0 }),
      'data-key': `tab ${state}`,
      'aria-current': isCurrent && 'true',
    },
    `${label} `,
    h('span', { class: 'number' }, count(counts[state])),
  );
}

/** @param {AppRow} app */
function row(app) {
  const { guid, organization, space, instances, up, down, unasked, failures } = app;
  const state = down > 0 ? 'down' : unasked === instances ? 'unasked' : 'up';
  const asked = instances - unasked;
  const said =
    instances === 0
      ? 'no instances to ask'
      : asked === 0
        ? plural(instances, 'instance')
        : `${count(up)} of ${count(instances)} up`;
  return h(
    'li',
    {},
    h(
      'a',
      { class: `row ${state}`, href: `#/app/${guid}`, 'data-key': guid },
      h('span', { class: 'dot', 'aria-hidden': 'true' }),
      h(
        'span',
        { class: 'names' },
        h('strong', {}, app.app || guid),
        h('span', { class: 'muted' }, `${organization} / ${space}`),
      ),
      h('span', { class: 'failures' }, ...failures.slice(0, 3).map((word) => h('code', {}, word))),
      h('span', { class: 'ups' }, said),
      h(
        'span',
        { class: 'muted asked' },
        instances === 0 ? '' : asked === 0 ? 'not asked' : ago(app.askedSecondsAgo),
      ),
    ),
  );
}

/**
 * @param {AppList} list
 * @param {Query} query
 */
function emptyText({ known }, { q, state }) {
  if (!known) return 'No route source has answered yet: the apps are not known.';
  if (q !== '') return 'No app matches the search.';
  if (state === 'failing') return 'No app has a failing instance.';
  return state === 'all'
    ? 'There is no app that this credential shows.'
    : 'No app is in this state.';
}

/**
 * @param {number} total
 * @param {AppList} list
 * @param {Query} query
 */
function pages(total, { offset, limit }, query) {
  if (total <= limit && offset === 0) return [];
  const last = Math.min(offset + limit, total);
  const link = (
    /** @type {string} */ label,
    /** @type {number} */ to,
    /** @type {boolean} */ there,
  ) =>
    there
      ? h('a', { href: hashOf({ ...query, offset: to }), 'data-key': label }, label)
      : h('span', { class: 'muted', 'aria-hidden': 'true' }, label);
  return [
    link('Previous', Math.max(0, offset - limit), offset > 0),
    h(
      'span',
      { class: 'muted' },
      `${count(Math.min(offset + 1, total))}–${count(last)} of ${count(total)}`,
    ),
    link('Next', offset + limit, last < total),
  ];
}
