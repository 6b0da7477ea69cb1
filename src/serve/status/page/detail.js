/** One app: its instances, their last results, charts, and its page now. */
import { ask } from './api.js';
import { chart, LINES, lineColour } from './charts.js';
import { h, put } from './dom.js';
import { ago, bytes, count, plural, seconds } from './format.js';
import { scrapeNow } from './page.js';

/**
 * @typedef {import('./types.d.ts').AppDetail} AppDetail
 * @typedef {import('./types.d.ts').InstanceRow} InstanceRow
 */

const LIMIT = 100;

/**
 * @param {HTMLElement} main
 * @param {string} guid
 * @param {AbortSignal} leaving aborts when the reader leaves the app
 * @returns {{ readonly refresh: (signal: AbortSignal) => Promise<void> }}
 */
export function showApp(main, guid, leaving) {
  let offset = 0;
  /** @type {ReturnType<typeof chart>[]} */
  let charts = [];
  const head = h('div', { class: 'head' });
  const plots = h('div', { class: 'plots' });
  const instances = h('ul', { class: 'instances card' });
  const pager = h('nav', { class: 'pager', 'aria-label': 'Pages of instances' });
  const result = h('div', { class: 'result' });
  const button = h(
    'button',
    {
      class: 'primary',
      type: 'button',
      click: async () => {
        if (button.getAttribute('aria-disabled') === 'true') return;
        button.setAttribute('aria-disabled', 'true');
        await scrapeNow(result, guid, leaving);
        button.removeAttribute('aria-disabled');
        if (!leaving.aborted) await refresh(leaving).catch(() => undefined); // the next turn tells
      },
    },
    'Scrape now',
  );
  put(
    main,
    h('a', { class: 'back', href: '#/' }, '← All apps'),
    h('div', { class: 'title' }, head, button),
    result,
    plots,
    h('h2', {}, 'Instances'),
    ...[instances, pager],
  );
  const width = () => Math.max(200, Math.floor(plotWidth(plots)));
  const watch = new ResizeObserver(() => {
    for (const one of charts) one.resize(width());
  });
  watch.observe(plots);
  leaving.addEventListener('abort', () => {
    watch.disconnect();
    for (const one of charts) one.destroy();
  });
  const refresh = async (/** @type {AbortSignal} */ signal) => {
    /** @type {AppDetail} */
    const app = await ask(`/status/apps/${guid}?offset=${offset}&limit=${LIMIT}`, signal);
    document.title = `${app.app} · promgate`;
    put(head, ...headOf(app));
    for (const one of charts) one.destroy();
    charts =
      app.items.length === 0
        ? []
        : [chart(app, 'durations', width()), chart(app, 'samples', width())];
    put(plots, ...charts.map(({ figure }) => figure));
    put(instances, ...app.items.map((item, at) => instanceRow(item, at)));
    put(
      pager,
      ...pagesOf(app, (to) => {
        offset = to;
        void refresh(leaving).catch(() => undefined); // the next turn tells
      }),
    );
  };
  return { refresh };
}

/** @param {HTMLElement} plots */
function plotWidth(plots) {
  const isWide = plots.clientWidth >= 640;
  return (isWide ? (plots.clientWidth - 16) / 2 : plots.clientWidth) - 26;
}

/** @param {AppDetail} app */
function headOf({ app, guid, organization, space, instances, up, down, unasked, askedSecondsAgo }) {
  const facts = [
    down > 0 && h('span', { class: 'bad' }, `${count(down)} failing`),
    up > 0 && h('span', { class: 'good' }, `${count(up)} up`),
    unasked > 0 && h('span', { class: 'muted' }, `${count(unasked)} not asked`),
    h('span', { class: 'muted' }, plural(instances, 'instance')),
    askedSecondsAgo !== null && h('span', { class: 'muted' }, `asked ${ago(askedSecondsAgo)}`),
  ];
  return [
    h('p', { class: 'muted' }, `${organization} / ${space}`),
    h('h1', {}, app || guid),
    h('p', { class: 'facts' }, ...facts),
    h('code', { class: 'muted guid' }, guid),
  ];
}

/**
 * @param {InstanceRow} one
 * @param {number} at
 */
function instanceRow(one, at) {
  const { index, address, zone, process, state } = one;
  const swatch = h('span', { class: 'swatch', 'aria-hidden': 'true' });
  if (at < LINES) swatch.style.setProperty('background', lineColour(at));
  const said = { up: 'up', down: one.failure ?? 'down', unasked: 'not asked' }[state];
  const figures =
    state === 'unasked'
      ? []
      : [
          ...(state === 'up' ? [plural(one.samples ?? 0, 'sample'), bytes(one.bytes ?? 0)] : []),
          ...[seconds(one.durationSeconds ?? 0), ago(one.askedSecondsAgo)],
        ];
  return h(
    'li',
    { class: `instance ${state}` },
    h(
      'div',
      { class: 'line' },
      ...[swatch, h('strong', { class: 'number' }, `#${index || '?'}`)],
      h('code', { class: `state ${state}` }, said),
      h('span', { class: 'muted place' }, [process, zone, address].filter(Boolean).join(' · ')),
      h('span', { class: 'muted figures' }, figures.join(' · ')),
    ),
    state === 'down' &&
      h(
        'div',
        { class: 'reason' },
        h('p', {}, one.what ?? '', one.status ? ` (status ${one.status})` : ''),
        h('p', { class: 'remedy' }, one.remedy ?? ''),
        h(
          'p',
          { class: 'muted small' },
          h('code', {}, one.path ?? ''),
          one.detail ? ` ${one.detail}` : '',
        ),
      ),
  );
}

/**
 * @param {AppDetail} app
 * @param {(offset: number) => void} go
 */
function pagesOf({ instances, offset, limit }, go) {
  if (instances <= limit) return [];
  const button = (
    /** @type {string} */ label,
    /** @type {number} */ to,
    /** @type {boolean} */ there,
  ) =>
    h(
      'button',
      { type: 'button', 'data-key': label, disabled: !there, click: () => go(to) },
      label,
    );
  const last = Math.min(instances, offset + limit);
  return [
    button('Previous', Math.max(0, offset - limit), offset > 0),
    h('span', { class: 'muted' }, `${count(offset + 1)}–${count(last)} of ${count(instances)}`),
    button('Next', offset + limit, last < instances),
  ];
}
