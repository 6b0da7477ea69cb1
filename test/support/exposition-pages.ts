/**
 * Realistic pages of metrics for tests and benchmarks: runtime gauges and counters, then HTTP
 * counters and histograms per route, as client libraries print them.
 *
 * The same shape gives the same bytes in every run. Without traits, pages of the same size have the
 * same lines apart from their values, as the instances of one app have just after they started.
 * Traits make the pages as different as those of real apps. `page-series.ts` says which series a
 * program has.
 */

import { CREATED, type Family, OWN, programOf, type Series } from './page-series.ts';
import { randomNumbers, scattered } from './seeded-numbers.ts';

export interface PageShape {
  /** The size that a page without drift reaches; a family more or less. */
  readonly sizeBytes: number;
  /** Which instance: other values, and whatever else its traits make its own. */
  readonly seed: number;
  /** Which scrape of the instance: other values, and with `order: 'random'` another order. Default 0. */
  readonly scrape?: number;
  readonly traits?: PageTraits;
}

/** How the pages of an app differ from one another, and what is peculiar to them. */
export interface PageTraits {
  /** `gauges`: each line is a family of its own. Default: a web service with histograms. */
  readonly families?: 'service' | 'gauges';
  /** The share of series that an instance lacks, or has a further series behind. Default 0. */
  readonly drift?: number;
  /**
   * `random`: families, and series within a family, in another order in each scrape, as in a Go map
   * or a Java registry. Default: in the order of the program.
   */
  readonly order?: 'listed' | 'random';
  /** The share of series whose lines all instances have; others name the instance. Default 1. */
  readonly shared?: number;
  /**
   * `conflicting`: each line has labels `instance` and `job`, as exporters print. `harmless`: labels
   * of the same length that promgate does not insert.
   */
  readonly ownLabels?: 'none' | 'conflicting' | 'harmless';
  /** OpenMetrics has `_created` samples, exemplars and an end mark. Default: text format 0.0.4. */
  readonly format?: 'text' | 'openmetrics';
  /** Pages of different names have no family in common. Default `server`. */
  readonly names?: 'server' | 'client';
}

/** A page, LF at the end of each line. */
export function expositionPage({ sizeBytes, seed, scrape = 0, traits = {} }: PageShape): Buffer {
  const random = randomNumbers(seed + Math.imul(scrape, 0x2545f491));
  const isOpenMetrics = traits.format === 'openmetrics';
  const printer: Printer = { random, own: ownText(seed), exemplars: isOpenMetrics };
  const families = programOf(sizeBytes, traits).map((family) => drifted(family, seed, traits));
  const isRandom = traits.order === 'random';
  const parts: string[] = [];
  for (const { head, series } of isRandom ? shuffled(families, random) : families) {
    if (series.length === 0) continue;
    parts.push(head);
    for (const one of isRandom ? shuffled(series, random) : series)
      printSeries(one, printer, parts);
  }
  if (isOpenMetrics) parts.push('# EOF\n');
  return Buffer.from(parts.join(''), 'latin1'); // ASCII only
}

/** The family as one instance has it: series are missing, and there are others. */
function drifted(family: Family, seed: number, { drift = 0 }: PageTraits): Family {
  if (drift === 0) return family;
  const series = family.series.flatMap((one) => {
    const lot = scattered(one.number, seed);
    if (lot % 1_000 >= drift * 1_000) return [one];
    return (lot >>> 10) % 2 === 0 ? [] : [one, one.further((lot >>> 12) % FURTHER_ROUTES)];
  });
  return { ...family, series };
}

/** Further series are of so many routes, so that several instances have the same. */
const FURTHER_ROUTES = 40;

interface Printer {
  readonly random: () => number;
  /** What is the instance's own in a line. */
  readonly own: string;
  readonly exemplars: boolean;
}

function printSeries(series: Series, { random, own, exemplars }: Printer, to: string[]): void {
  const ownFront = (front: string): string => (series.isShared ? front : front.replace(OWN, own));
  if (series.type !== 'histogram') {
    for (const front of series.fronts) {
      const value = front.includes(CREATED) ? createdAt(random) : number(random);
      to.push(ownFront(front), ' ', value, '\n');
    }
    return;
  }
  let count = 0;
  for (const front of series.fronts) {
    to.push(ownFront(front), ' ');
    if (front.includes(CREATED)) to.push(createdAt(random), '\n');
    else if (front.includes('_sum{')) to.push((count * random()).toFixed(4), '\n');
    else if (front.includes('_count{')) to.push(String(count), '\n');
    else {
      count += Math.floor(random() * 1e4);
      to.push(String(count), exemplars && random() < 0.25 ? exemplar(random) : '', '\n');
    }
  }
}

function number(random: () => number): string {
  return random() < 0.4 ? String(Math.floor(random() * 1e6)) : (random() * 1e4).toFixed(3);
}

function createdAt(random: () => number): string {
  return (1.7e9 + random() * 1e7).toFixed(3);
}

function exemplar(random: () => number): string {
  const trace = Math.floor(random() * 2 ** 48)
    .toString(16)
    .padStart(16, '0');
  return ` # {trace_id="${trace}"} ${random().toFixed(3)} ${createdAt(random)}`;
}

/** Six hexadecimal digits: of the same length for all instances. */
function ownText(seed: number): string {
  return (scattered(seed, 1) & 0xffffff).toString(16).padStart(6, '0');
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const mixed = [...items];
  for (let at = mixed.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [mixed[at], mixed[other]] = [mixed[other]!, mixed[at]!]; // both below the length
  }
  return mixed;
}
