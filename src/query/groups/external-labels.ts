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

export class ExternalLabels {
  readonly #options: ExternalLabelsOptions;
  #known: Known | undefined;

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
      return typeof data.yaml === 'string' ? await readLabels(data.yaml) : undefined;
    } catch (error) {
      if (UNTOLD.has(failureOf(error))) return undefined;
      throw error;
    }
  }
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
