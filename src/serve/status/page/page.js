/** The page of an app, asked for now: its families, closed until they are opened. */
import { open, RefusedError } from './api.js';
import { h, put } from './dom.js';
import { bytes, count, plural, seconds } from './format.js';
import { readPage } from './page-reader.js';

/** @typedef {import('./types.d.ts').Family} Family */

const FAMILIES_AT_ONCE = 200;
const LINES_AT_ONCE = 200;
const MAX_LINE_LENGTH = 2_000;

/**
 * @param {HTMLElement} place
 * @param {string} guid
 * @param {AbortSignal} leaving aborts when the reader leaves the app
 * @returns {Promise<void>} resolves when the page is there, has failed or was cancelled
 */
export async function scrapeNow(place, guid, leaving) {
  const stop = new AbortController();
  const startedMs = performance.now();
  const said = h('p', { class: 'muted', role: 'status' }, 'Asking all instances…');
  put(
    place,
    h('progress', { 'aria-label': 'Scraping' }),
    said,
    h('button', { type: 'button', click: () => stop.abort() }, 'Cancel'),
  );
  const took = () => seconds((performance.now() - startedMs) / 1000);
  const timer = setInterval(() => {
    if (said.dataset['told'] === undefined) said.textContent = `Asking all instances… ${took()}`;
  }, 500);
  try {
    const answer = await open(`/status/apps/${guid}/page`, AbortSignal.any([stop.signal, leaving]));
    if (!answer.body) throw new TypeError('the answer has no body');
    const page = await readPage(answer.body, ({ bytes: read, samples }) => {
      said.dataset['told'] = 'yes';
      said.textContent = `${bytes(read)}, ${plural(samples, 'sample')}, ${took()}`;
    });
    const facts = [
      plural(page.families.size, 'family', 'families'),
      plural(page.samples, 'sample'),
      ...[bytes(page.bytes), took()],
    ];
    put(
      place,
      h('p', { class: 'facts', role: 'status' }, facts.join(' · ')),
      h(
        'p',
        { class: 'muted small' },
        'The labels of organization, space and app are left out below.',
      ),
      page.dropped > 0 &&
        h(
          'p',
          { class: 'warning' },
          `The page is too large to show whole: ${plural(page.dropped, 'sample')} at its end can only be counted.`,
        ),
      familyList([...page.families.values()]),
    );
  } catch (error) {
    if (leaving.aborted) return;
    const text = stop.signal.aborted
      ? 'Cancelled.'
      : error instanceof RefusedError
        ? `${error.refusal.title}: ${error.refusal.detail}`
        : 'The page broke off before its end.';
    put(place, h('p', { class: 'error', role: 'alert' }, text));
  } finally {
    clearInterval(timer);
  }
}

/** @param {readonly Family[]} all */
function familyList(all) {
  const list = h('div', { class: 'families' });
  const box = h('input', {
    ...{ id: 'families', type: 'search', placeholder: 'Name of a family', spellcheck: 'false' },
    ...{ autocomplete: 'off', input: () => show() },
  });
  const show = () => {
    const wanted = box.value.trim().toLowerCase();
    const found = all.filter(({ name }) => name.toLowerCase().includes(wanted));
    put(list);
    more(list, found, FAMILIES_AT_ONCE, familyDetails);
    if (found.length === 0) put(list, h('p', { class: 'note' }, 'No family has this name.'));
  };
  show();
  return h('div', {}, h('label', { class: 'sr', for: 'families' }, 'Search families'), box, list);
}

/** @param {Family} family */
function familyDetails({ name, type, help, samples, lines }) {
  const body = h('div', { class: 'lines' });
  let isFilled = false;
  return h(
    'details',
    {
      toggle: () => {
        if (isFilled) return;
        isFilled = true;
        if (help !== '') body.append(h('p', { class: 'muted' }, help));
        const text = h('pre', { tabindex: '0', 'aria-label': `Samples of ${name}` });
        body.append(text);
        more(text, lines, LINES_AT_ONCE, shortened);
      },
    },
    h(
      'summary',
      {},
      h('code', {}, name.slice(0, 300)),
      h('span', { class: 'muted type' }, type.slice(0, 30)),
      h('span', { class: 'muted number' }, count(samples)),
    ),
    body,
  );
}

/** The labels that all samples of an app share; promgate puts them first. */
const APP_LABELS = /\{(?:(?:organization|space|app)_(?:id|name)="(?:[^"\\]|\\.)*",?)+/;

/** @param {string} line @returns the line without the labels that all samples of the app share */
function shortened(line) {
  const text = line.slice(0, MAX_LINE_LENGTH).replace(APP_LABELS, '{');
  return line.length > MAX_LINE_LENGTH ? `${text}…\n` : `${text}\n`;
}

/**
 * Appends the first items, and a button for the next ones.
 *
 * @template T
 * @param {HTMLElement} place
 * @param {readonly T[]} items
 * @param {number} step
 * @param {(item: T) => Node | string} print
 */
function more(place, items, step, print, from = 0) {
  place.append(...items.slice(from, from + step).map(print));
  const left = items.length - from - step;
  if (left <= 0) return;
  const button = h(
    'button',
    {
      type: 'button',
      class: 'more',
      click: () => {
        button.remove();
        more(place, items, step, print, from + step);
      },
    },
    `Show ${count(Math.min(step, left))} of ${count(left)} more`,
  );
  place.append(button);
}
