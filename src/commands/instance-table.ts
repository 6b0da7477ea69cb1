/**
 * The table of an app's instances, read from the families that promgate adds to a merged page.
 */
import type { Failure } from '../fetch/failure.ts';

/** One page of one instance. */
export interface InstanceRow {
  readonly instance: string;
  readonly isUp: boolean;
  readonly durationSeconds: number;
  readonly samples: number;
  readonly failure: string | undefined;
}

const LINE =
  /^(promgate_instance_(?:up|scrape_duration_seconds|scrape_samples)|promfetcher_scrape_error)\{(.*)\} (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
/** Labels by which a row is told from others; the label `error` is the failure. */
const NAMED = ['index', 'instance_id', 'instance', 'path', 'page'];
/** More instances than any app has; a page that lies must not fill the memory. */
const MAX_ROWS = 20_000;
const MAX_LINE_BYTES = 65_536;

/** Collects the rows while the page passes in pieces of any size. */
export class InstanceTable {
  readonly #rows = new Map<string, { -readonly [K in keyof InstanceRow]: InstanceRow[K] }>();
  #rest = '';
  #skips = false;

  add(bytes: Uint8Array): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    const lines = text.split('\n');
    lines[0] = this.#rest + lines[0]!; // `split` gives one at least
    this.#rest = lines.pop()!;
    for (const line of lines) {
      if (this.#skips) this.#skips = false;
      else if (line.startsWith('prom')) this.#line(Buffer.from(line, 'latin1').toString());
    }
    if (this.#rest.length <= MAX_LINE_BYTES) return;
    this.#rest = ''; // the line is none of promgate's own
    this.#skips = true;
  }

  get rows(): readonly InstanceRow[] {
    return [...this.#rows.values()];
  }

  #line(line: string): void {
    const [, name, labelText = '', value = ''] = LINE.exec(line) ?? [];
    if (name === undefined) return;
    const labels = new Map([...labelText.matchAll(LABEL)].map(([, key, text]) => [key!, text!]));
    const key = NAMED.map((label) => labels.get(label) ?? '').join('\n');
    let row = this.#rows.get(key);
    if (!row) {
      if (this.#rows.size >= MAX_ROWS) return;
      const path = labels.get('path');
      const index = labels.get('index') ?? labels.get('instance_id') ?? '?';
      const instance = `${index} ${labels.get('instance') ?? ''}${path === undefined ? '' : ` ${path}`}`;
      row = {
        ...{ instance: withoutControls(instance), isUp: false, durationSeconds: 0, samples: 0 },
        failure: undefined,
      };
      this.#rows.set(key, row);
    }
    if (name === 'promgate_instance_up') row.isUp = value === '1';
    else if (name === 'promgate_instance_scrape_samples') row.samples = Number(value);
    else if (name === 'promfetcher_scrape_error') row.failure = labels.get('error');
    else row.durationSeconds = Number(value);
  }
}

/** No text of an app reaches the terminal as a command. */
function withoutControls(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, '?').trim();
}

const FAILURE_WORDS: Readonly<Record<Failure, string>> = {
  ambiguous: 'several instances claim the address: configure TLS between gorouter and instances',
  moved: 'the address was given to another instance: the next scrape asks the new one',
  refused: 'nothing listens at the address: check that the app runs',
  unreachable: 'no connection within 2 s: check the network between promgate and the cells',
  'no-descriptors':
    "promgate has no file descriptor left: raise its limit of open files ('ulimit -n')",
  timeout: "no whole answer before the deadline: speed up the app's metrics, or raise --timeout",
  'tls-identity': 'the certificate names another instance: wait for the next listing',
  'tls-client':
    "the other side refuses promgate's certificate: set scrape.tls.cert to gorouter's, or scrape.router",
  tls: 'the TLS handshake failed: check scrape.tls.ca',
  redirect: 'the app redirects to another address: name the path with --path',
  'status-4xx': 'the app answered with a status of 400 to 499: check --path, and read its log',
  'status-5xx': 'the app answered with a status of 500 to 599: read its log',
  'status-other': 'the app answered with an odd status: read its log',
  'not-http': "the bytes are no HTTP response: check the app's port",
  'too-large': 'the page exceeds a bound: serve fewer series, or raise scrape.max_body',
  truncated: "the connection ended before the page did: read the app's log",
  'over-budget': 'no room within scrape.max_bytes: give promgate more memory',
  'not-metrics': 'the answer is no page of metrics but, for instance, a login page: check --path',
  invalid: 'the page has a line that Prometheus would refuse, or damaged gzip',
  'unknown-route': 'gorouter knows no such instance',
  'no-endpoints': 'gorouter has no instance for the route',
  'endpoint-failure': 'gorouter cannot reach the instance',
  'router-refused': 'gorouter refused the request itself: look at its log',
  'route-policy': "no route policy lets promgate ask: the route's owner runs cf add-route-policy",
  'route-path': 'the path is not below the route',
  'port-unreachable': 'no way leads to the container port of the metrics: map a route to it',
  'no-way': 'no way leads to the instance',
  aborted: 'the scrape was ended',
};

/** @returns lines under a head; one line per page of an instance */
export function printTable(rows: readonly InstanceRow[]): string {
  const width = Math.max(8, ...rows.map(({ instance }) => instance.length));
  const head = `${'instance'.padEnd(width)}  state  duration  samples  failure`;
  const lines = rows.map(({ instance, isUp, durationSeconds, samples, failure }) => {
    const words = failure === undefined ? '' : `${failure}: ${wordsOf(failure)}`;
    const taken = `${Math.round(durationSeconds * 1000)} ms`.padStart(8);
    const state = (isUp ? 'up' : 'down').padEnd(5);
    return `${instance.padEnd(width)}  ${state}  ${taken}  ${String(samples).padStart(7)}  ${words}`.trimEnd();
  });
  return `${[head, ...lines].join('\n')}\n`;
}

export function wordsOf(failure: string): string {
  return Object.hasOwn(FAILURE_WORDS, failure)
    ? FAILURE_WORDS[failure as Failure] // an own key, as just checked
    : 'a failure that only a newer promgate knows';
}
