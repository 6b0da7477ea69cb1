/**
 * Reports scrapes to the log, the metrics and the route sources.
 */
import type { Instance } from '../discover/instance.ts';
import type { RouteTable } from '../discover/route-table.ts';
import type { RouteSource } from '../discover/source.ts';
import type { LenientAnswer } from '../fetch/connections.ts';
import { type Failure, isGone } from '../fetch/failure.ts';
import type { AppPageObservers, Outcome } from '../serve/outcome.ts';
import type { Log } from '../telemetry/log.ts';
import type { ScrapeMetrics } from '../telemetry/scrape-metrics.ts';
import { descriptorLimit } from './descriptors.ts';

interface ScrapeObservation {
  readonly metrics: ScrapeMetrics<Failure>;
  readonly log: Log;
  readonly table: RouteTable;
  readonly sources: readonly RouteSource[];
  /** Called with the outcomes of an app of the route table. Must not throw. */
  readonly onApp?:
    | ((outcomes: readonly Outcome[], running: readonly Instance[]) => void)
    | undefined;
}

export function observeScrapes({
  metrics,
  log,
  table,
  sources,
  onApp,
}: ScrapeObservation): AppPageObservers {
  return {
    onTypeConflicts: (count) => metrics.typeConflicts.inc(count),
    onDroppedSamples: (count) => metrics.reservedSamples.inc(count),
    onFilteredSamples: (count) => metrics.filteredSamples.inc(count),
    onDuplicateSamples: (count) => metrics.duplicateSamples.inc(count),
    onUndatedSamples: (count) => metrics.undatedSamples.inc(count),
    onOutcomes: (outcomes) => {
      for (const outcome of outcomes) {
        metrics.fetched(outcome.durationSeconds, outcome.failure);
        tellFailure(outcome, log, sources);
      }
      for (const outcomesOfApp of Map.groupBy(outcomes, ({ app }) => app.appId).values()) {
        const running = table.byApp(outcomesOfApp[0]!.app.appId); // groups are not empty
        if (running.length === 0) continue;
        countApp(metrics, outcomesOfApp);
        onApp?.(outcomesOfApp, running);
      }
    },
  };
}

/** Counts the outcomes of an app in the route table; other apps get no series. */
function countApp(metrics: ScrapeMetrics<Failure>, outcomes: readonly Outcome[]): void {
  const { app } = outcomes[0]!; // groups are not empty
  const instances = outcomes.flatMap(({ instance, failure }) =>
    instance ? [{ index: instance.index, failure }] : [],
  );
  metrics.appScraped({ app, instances });
}

function tellFailure(outcome: Outcome, log: Log, sources: readonly RouteSource[]): void {
  const { failure, instance, app, status, detail, advice, via } = outcome;
  if (failure === undefined || failure === 'aborted') return;
  // A router or a container that cannot be reached says nothing of the address in the route table.
  const wasDirect = via === undefined || via === 'direct';
  if (instance && wasDirect && isGone(failure)) {
    const { address, serverCertDomainSan } = instance.endpoint;
    for (const source of sources) source.reportFailure?.(address, serverCertDomainSan);
  }
  log.debug('no metrics from an instance', {
    ...{ failure, status, detail, advice, via, path: outcome.path },
    ...{ instance: instance?.endpoint.address, app_id: app.appId, app_name: app.appName },
  });
}

export function tellLenient(
  { address, because }: LenientAnswer,
  metrics: ScrapeMetrics<Failure>,
  log: Log,
): void {
  metrics.lenientAnswers.inc();
  if (because === undefined) return; // the first such answer was logged
  log.info(
    'an instance breaks the HTTP standard, which costs a connection per scrape: mend the app',
    {
      ...{ instance: address, because },
    },
  );
}

const SHORTAGE_TOLD_EVERY_MS = 60_000;

/** Warns that no connection can be opened, at most once a minute. */
export function tellNoDescriptors(log: Log): () => void {
  let toldMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = performance.now();
    if (nowMs - toldMs < SHORTAGE_TOLD_EVERY_MS) return;
    toldMs = nowMs;
    log.warn(
      'no file descriptor is left for connections to instances: raise the limit of open files',
      { limit: descriptorLimit() },
    );
  };
}
