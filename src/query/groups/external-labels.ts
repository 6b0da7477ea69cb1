/**
 * The labels that a server adds to what others read from it, and that its own query API does not show.
 *
 * Remote read sends them with every series. They tell replicas apart, so they are learnt from the server's
 * configuration and removed: the series of replicas are then the same.
 */
import type { SeriesBlock } from '../../promql/evaluate/storage.ts';
import { callApi } from '../target/api.ts';
import type { QueryTarget } from '../target/http.ts';
import { failureOf } from './server.ts';
import type { LabelSet } from './settings.ts';

/** The external labels of a configuration, given as YAML; undefined if the text is none. */
export type ReadLabels = (yaml: string) => Promise<LabelSet | undefined>;

const MAX_BYTES = 16 * 2 ** 20;
/** Servers change their labels when they are restarted or told to. */
const KEEP_MS = 60_000;
/** The server answers, but does not tell: a server of another kind, or one that keeps its configuration secret. */
const UNTOLD: ReadonlySet<string> = new Set([
  ...['auth', 'not-found', 'bad-data', 'status', 'too-big', 'not-prometheus', 'execution'],
]);

export interface ExternalLabelsOptions {
  readonly target: QueryTarget;
  readonly readLabels: ReadLabels;
  readonly nowMs: () => number;
}

/** Undefined labels are not known. */
type Known = { readonly labels: LabelSet | undefined; readonly atMs: number };
/** Reading YAML is slow, so it is read again only when its text changes. */
type Read = { readonly block: string; readonly labels: LabelSet | undefined };

export class ExternalLabels {
  readonly #options: ExternalLabelsOptions;
  #known: Known | undefined;
  #read: Read | undefined;

  constructor(options: ExternalLabelsOptions) {
    this.#options = options;
  }

  /** @returns undefined if the server does not tell @throws {TargetError} if it does not answer */
  async labels(signal: AbortSignal): Promise<LabelSet | undefined> {
    const { nowMs } = this.#options;
    const known = this.#known;
    if (known !== undefined && nowMs() - known.atMs < KEEP_MS) return known.labels;
    const labels = await this.#ask(signal);
    this.#known = { labels, atMs: nowMs() };
    return labels;
  }

  async #ask(signal: AbortSignal): Promise<LabelSet | undefined> {
    const { target, readLabels } = this.#options;
    try {
      const { data } = await callApi(target, 'api/v1/status/config', [], {
        ...{ signal, maxBytes: MAX_BYTES },
      });
      if (typeof data !== 'object' || data === null || !('yaml' in data)) return undefined;
      const block = typeof data.yaml === 'string' ? globalBlock(data.yaml) : undefined;
      if (block === undefined) return undefined;
      if (this.#read?.block !== block) this.#read = { block, labels: await readLabels(block) };
      return this.#read.labels;
    } catch (error) {
      if (UNTOLD.has(failureOf(error))) return undefined;
      throw error;
    }
  }
}

/** Bound on the text that is read as YAML. */
const MAX_BLOCK = 65_536;

/**
 * The part of a configuration that names the external labels, as Prometheus prints it: a line `global:`, and all
 * lines up to the next one that begins in column 0. The rest can be megabytes of scrape jobs.
 *
 * @returns undefined if the text has no such block, or if it is too long
 */
export function globalBlock(yaml: string): string | undefined {
  const from = yaml.startsWith('global:') ? 0 : yaml.indexOf('\nglobal:') + 1;
  if (!yaml.startsWith('global:', from)) return undefined;
  const text = yaml.slice(from, from + MAX_BLOCK + 1);
  const length = text.search(/\n\S/);
  if (length >= 0) return text.slice(0, length + 1);
  return text.length > MAX_BLOCK ? undefined : text;
}

/** The series without the labels that the server has added. */
export function withoutLabels(
  series: readonly SeriesBlock[],
  added: LabelSet,
): readonly SeriesBlock[] {
  if (Object.keys(added).length === 0) return series;
  return series.map((block) => {
    const labels = block.labels.filter(
      ([name, value]) => !(Object.hasOwn(added, name) && added[name] === value),
    );
    return labels.length === block.labels.length ? block : { ...block, labels };
  });
}
