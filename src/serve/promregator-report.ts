/**
 * Prints the families that Promregator appends to the page of a target: without labels, since
 * relabelling by Prometheus gives all samples of the target their labels.
 */
import type { Outcome } from './outcome.ts';

/** The names of these families, which the page of an instance must not have. */
export const PROMREGATOR_FAMILIES = /^promregator_(?:up|scrape_duration_seconds)(?![a-zA-Z0-9_:])/;

/**
 * Prints the families about one instance; both formats have the same lines.
 *
 * @param outcomes - of the instance's pages; the instance is up if it gave all of them
 */
export function printPromregatorReport(outcomes: readonly Outcome[]): Buffer {
  const isUp = outcomes.every(({ failure }) => failure === undefined);
  const seconds = Math.max(0, ...outcomes.map(({ durationSeconds }) => durationSeconds));
  return Buffer.from(
    '# HELP promregator_up Whether the target gave its page.\n' +
      '# TYPE promregator_up gauge\n' +
      `promregator_up ${isUp ? 1 : 0}\n` +
      '# HELP promregator_scrape_duration_seconds How long the target took.\n' +
      '# TYPE promregator_scrape_duration_seconds gauge\n' +
      `promregator_scrape_duration_seconds ${Math.round(seconds * 1e6) / 1e6}\n`,
  );
}
