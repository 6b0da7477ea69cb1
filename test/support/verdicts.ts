/**
 * The corpus of single pages with what a real Prometheus does with each: `test/exposition/verdicts`.
 *
 * Measured, not reasoned: `test/system/oracle-verdicts.test.ts` holds it against the server.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** How a page is announced: text format 0.0.4 or OpenMetrics 1.0. */
type PageFormat = 'text' | 'openmetrics';

/** A series that Prometheus has stored from a page. */
export interface StoredSeries {
  /** `__name__` among them; labels with an empty value are gone. */
  readonly labels: Readonly<Record<string, string>>;
  /** As Prometheus prints it. */
  readonly value: string;
  /** The sample's own timestamp, counted from `<ms>`; absent when it was the time of the scrape. */
  readonly offsetMs?: number;
}

/** A case as it is written by hand. */
export interface PageCase {
  /** Unique within its format. */
  readonly name: string;
  readonly format: PageFormat;
  /** `<ms>`, `<s>` (with three decimals) and `<repeat:text:count>` stand for what they say. */
  readonly page?: string;
  /** Instead of `page` where the page is not UTF-8: its bytes in base64, nothing replaced. */
  readonly base64?: string;
  /** Samples that the page's author means; default: lines neither blank nor beginning with `#`. */
  readonly samples?: number;
  /** Why promgate refuses the page although Prometheus takes it. */
  readonly stricter?: string;
  readonly note?: string;
}

/** A case with its measured part. */
export interface Verdict extends PageCase {
  /** The scrape succeeded and every sample of the page was taken. */
  readonly accepted: boolean;
  /** What Prometheus 2.42 said; not compared, since words change between versions. */
  readonly reason?: string;
  /** What was stored, printed by `printSeries` and sorted; absent when refused or longer than 4 KB. */
  readonly series?: readonly string[];
}

/**
 * A series as the corpus writes it: `name{a="b"} 1 @0`, labels sorted, their values as JSON strings,
 * behind `@` the sample's own timestamp counted from `<ms>`.
 */
export function printSeries({ labels, value, offsetMs }: StoredSeries): string {
  const { __name__: name = '', ...others } = labels;
  const pairs = Object.keys(others).sort();
  const inner = pairs.map((label) => `${label}=${JSON.stringify(others[label])}`).join(',');
  const braces = inner === '' ? '' : `{${inner}}`;
  return `${name}${braces} ${value}${offsetMs === undefined ? '' : ` @${offsetMs}`}`;
}

const FOLDER = new URL('../exposition/verdicts/', import.meta.url);

/** Files of the corpus. */
export function verdictFiles(): URL[] {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
  return names.sort().map((name) => new URL(name, FOLDER));
}

/** All cases of one file of the corpus. */
export function readVerdicts(file: URL): Verdict[] {
  return JSON.parse(readFileSync(file, 'utf8')) as Verdict[]; // the oracle's test checks the shape
}

/**
 * The bytes of a case's page.
 *
 * @param atMs - epoch milliseconds that the placeholders stand for: near now, since a storage
 *   refuses samples that are too old
 */
export function pageBytes({ page, base64 }: PageCase, atMs: number): Buffer {
  if (page === undefined) return Buffer.from(base64 ?? '', 'base64');
  const text = page
    .replaceAll(/<repeat:([^:]*):(\d+)>/g, (_, part: string, count: string) =>
      part.repeat(Number(count)),
    )
    .replaceAll('<ms>', String(atMs))
    .replaceAll('<s>', (atMs / 1000).toFixed(3));
  return Buffer.from(text);
}

/** How many samples the page's author means. */
export function meantSamples(pageCase: PageCase, bytes: Buffer): number {
  if (pageCase.samples !== undefined) return pageCase.samples;
  const lines = bytes.toString('latin1').split('\n');
  return lines.filter((line) => !/^[ \t]*(#|$)/.test(line)).length;
}
