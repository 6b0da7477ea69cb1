/** Small charts of the last 15 minutes: one line for each instance. */
import { h } from './dom.js';
import { count, seconds } from './format.js';
import uPlot from './uplot.js';

/** @typedef {import('./types.d.ts').AppDetail} AppDetail */

/** How many instances have a line; the failing ones come first. */
export const LINES = 8;

const HEIGHT = 132;

/** @param {number} place @returns the colour of an instance's line */
export function lineColour(place) {
  return getComputedStyle(document.documentElement)
    .getPropertyValue(`--line-${place + 1}`)
    .trim();
}

/**
 * @param {AppDetail} app
 * @param {'durations' | 'samples'} what
 * @param {number} width
 * @returns {{ readonly figure: HTMLElement, readonly resize: (width: number) => void, readonly destroy: () => void }}
 */
export function chart(app, what, width) {
  const shown = app.items.slice(0, LINES);
  const { slots, slotSeconds, endsAtSeconds } = app;
  const times = Array.from(
    { length: slots },
    (_, at) => endsAtSeconds - (slots - at) * slotSeconds,
  );
  const data = shown.map(({ history }) =>
    Array.from({ length: slots }, (_, at) => history[what][at] ?? null),
  );
  const name = what === 'durations' ? 'Duration of the scrape' : 'Samples';
  const print = what === 'durations' ? seconds : count;
  const values = data.flat().filter((one) => one !== null);
  const place = h('div', {
    class: 'plot',
    role: 'img',
    'aria-label': summary(name, values, print),
  });
  const now = h('span', { class: 'muted' }, rangeText(values, print));
  const figure = h('figure', { class: 'chart' }, h('figcaption', {}, name, ' ', now), place);
  const style = getComputedStyle(document.documentElement);
  const [muted, line] = ['--muted', '--line'].map((one) => style.getPropertyValue(one).trim());
  const axis = {
    stroke: muted ?? '',
    grid: { stroke: line ?? '', width: 1 },
    ticks: { show: false },
  };
  const font = '11px system-ui, sans-serif';
  const plot = new uPlot(
    {
      ...{ width, height: HEIGHT, legend: { show: false }, cursor: { show: false } },
      padding: [8, 20, 0, 0],
      scales: {
        x: { time: true, range: [times[0] ?? 0, endsAtSeconds] },
        y: { range: (_, __, most) => [0, most > 0 ? most * 1.15 : 1] },
      },
      axes: [
        { ...axis, font, size: 24, space: 72, values: (_, ticks) => ticks.map(clockTime) },
        {
          ...axis,
          font,
          size: 56,
          space: 36,
          values: (_, ticks) => ticks.map((one) => print(one)),
        },
      ],
      series: [
        {},
        ...shown.map((_, at) => ({
          stroke: lineColour(at),
          width: 1.5,
          spanGaps: true,
          points: { show: true, size: 4, fill: lineColour(at) },
        })),
      ],
    },
    [times, ...data],
    place,
  );
  return {
    figure,
    resize: (next) => plot.setSize({ width: next, height: HEIGHT }),
    destroy: () => plot.destroy(),
  };
}

/** @param {number} at seconds since 1970 */
function clockTime(at) {
  return new Date(at * 1000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
}

/**
 * @param {readonly number[]} values
 * @param {(value: number) => string} print
 */
function rangeText(values, print) {
  if (values.length === 0) return 'no scrape yet';
  const [least, most] = [print(Math.min(...values)), print(Math.max(...values))];
  return least === most ? least : `${least} – ${most}`;
}

/**
 * @param {string} name
 * @param {readonly number[]} values
 * @param {(value: number) => string} print
 */
function summary(name, values, print) {
  return `${name} over the last 15 minutes: ${rangeText(values, print)}`;
}
