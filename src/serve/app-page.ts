/**
 * The merged page of an app: asks the instances, merges what they answer, says how each did.
 *
 * Every failure is in the page; only the caller knows whether it is one of the whole request.
 */
import type { AppIdentity, Instance } from '../discover/instance.ts';
import { ExpositionError } from '../exposition/error.ts';
import type { FormatName } from '../exposition/grammar.ts';
import { formatOf, type Negotiated } from '../exposition/negotiate.ts';
import type { ScrapeAnswer } from '../fetch/answer.ts';
import type { Lease } from '../fetch/budget.ts';
import { type ExternalExporter, exporterTarget } from '../fetch/exporter.ts';
import type { Failure } from '../fetch/failure.ts';
import type { Scraper } from '../fetch/fan-out.ts';
import type { ScrapeHeaders } from '../fetch/forward.ts';
import { freePages } from '../fetch/memory.ts';
import { instanceTarget, type ScrapeTarget } from '../fetch/target.ts';
import { appLabels, type InsertedLabels, instanceLabels } from '../merge/labels.ts';
import { GivenUpError, Merge, type MergeOptions } from '../merge/merge.ts';
import type { SplicePlan } from '../merge/plan.ts';
import { printReport } from './report.ts';

export interface AppPageSettings extends Pick<MergeOptions, 'labelConflict' | 'exportJob'> {
  readonly scraper: Scraper;
  readonly exporters: readonly ExternalExporter[];
  readonly observers: AppPageObservers;
}

/**
 * Pages that have come are merged for this much longer than instances are waited for: half of what a
 * reader's timeout keeps back at least.
 */
const MERGE_GRACE_MS = 250;

/** Told when all have answered. Must not throw. */
export interface AppPageObservers {
  readonly onOutcomes?: (outcomes: readonly Outcome[]) => void;
  readonly onTypeConflicts?: (count: number) => void;
  readonly onDroppedSamples?: (count: number) => void;
}

export interface AppPageRequest {
  /** At least one. */
  readonly instances: readonly Instance[];
  readonly withExporters: boolean;
  /** As `parseMetricPath` gives it. */
  readonly path: string;
  readonly headers: ScrapeHeaders;
  readonly negotiated: Negotiated;
  /** On the scale of `performance.now()`. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** How one instance or exporter did. */
export interface Outcome {
  readonly app: AppIdentity;
  /** Undefined for an external exporter. */
  readonly instance: Instance | undefined;
  readonly durationSeconds: number;
  readonly bytes: number;
  readonly samples: number;
  readonly failure: Failure | undefined;
  /** The HTTP status, where that is why it failed. */
  readonly status: number | undefined;
  /** For the log: what is wrong with the page. */
  readonly detail: string | undefined;
}

/** A merged page that is ready to be spliced. Disposal frees its bytes: the plan is void then. */
export interface AppPage extends Disposable {
  readonly plan: SplicePlan;
  readonly format: FormatName;
  readonly outcomes: readonly Outcome[];
}

/** Whom a request asks, in the order of the merged page. */
interface Asked {
  readonly target: ScrapeTarget;
  readonly app: AppIdentity;
  readonly instance: Instance | undefined;
  readonly labels: InsertedLabels;
}

/** @throws only for a mistake of ours */
export async function loadAppPage(
  settings: AppPageSettings,
  request: AppPageRequest,
): Promise<AppPage> {
  const { scraper, labelConflict, exportJob, observers } = settings;
  const { negotiated, headers, deadlineMs, signal } = request;
  const asked = whomToAsk(settings, request);
  const places = new Map(asked.map(({ target }, place) => [target, place]));
  const { escaping, preferOpenMetrics } = negotiated;
  const merge = new Merge({
    ...{ labelConflict, exportJob, escaping, preferOpenMetrics },
    givesUp: () => signal.aborted || performance.now() > deadlineMs + MERGE_GRACE_MS,
  });
  using resources = new DisposableStack();
  const lease = resources.use(scraper.lease());
  const adding: Promise<Outcome>[] = [];
  await scraper.scrape({
    targets: asked.map(({ target }) => target),
    headers,
    deadlineMs,
    signal,
    lease,
    onAnswer: (answer) => {
      const place = places.get(answer.target)!; // one of those asked
      const taken = takeAnswer(merge, asked[place]!, { answer, place, observers, lease, signal });
      taken.catch(() => undefined); // thrown below, once all have answered: nobody listens yet
      adding[place] = taken;
    },
  });
  const added = await Promise.all(adding);
  const { format, takenOut } = await merge.settle();
  const outcomes = added.with(0, added[0]!); // at least one was asked
  for (const { place, error } of takenOut) {
    const failure = error instanceof GivenUpError ? lateFailure(signal) : 'invalid';
    outcomes[place] = failed(outcomes[place]!, failure, error.message);
  }
  const plan = await merge.plan(format, report(asked, outcomes, format));
  if (plan.conflicts > 0) observers.onTypeConflicts?.(plan.conflicts);
  observers.onOutcomes?.(outcomes);
  resources.defer(() => freePages(plan.sources.map(({ page }) => page.body.bytes)));
  const held = resources.move();
  return { plan, format, outcomes, [Symbol.dispose]: () => held.dispose() };
}

function whomToAsk(
  { exporters }: AppPageSettings,
  { instances, withExporters, path }: AppPageRequest,
): Asked[] {
  const asked: Asked[] = instances.map((instance) => ({
    target: instanceTarget(instance, path),
    app: instance.app,
    instance,
    labels: instanceLabels(instance),
  }));
  if (!withExporters) return asked;
  const apps = new Map(instances.map((instance) => [instance.app.appId, instance]));
  for (const instance of apps.values()) {
    for (const exporter of exporters) {
      const target = exporterTarget(exporter, instance);
      asked.push({
        target,
        app: instance.app,
        instance: undefined,
        labels: appLabels(instance.app),
      });
    }
  }
  return asked;
}

interface Answered {
  readonly answer: ScrapeAnswer;
  readonly place: number;
  readonly observers: AppPageObservers;
  readonly lease: Lease;
  readonly signal: AbortSignal;
}

/** Puts one answer into the merge. */
async function takeAnswer(
  merge: Merge,
  { app, instance, labels, target }: Asked,
  { answer, place, observers, lease, signal }: Answered,
): Promise<Outcome> {
  const { durationSeconds, bodyBytes: bytes } = answer;
  const outcome: Outcome = {
    ...{ app, instance, durationSeconds, bytes, samples: 0 },
    ...{ failure: answer.failure, status: undefined, detail: undefined },
  };
  if (answer.failure !== undefined) return { ...outcome, status: answer.status };
  const { format, announced } = formatOf(answer.page.contentType);
  const of = instance ? 'instance' : 'exporter';
  try {
    const page = { place, of, bytes: answer.page.body, format, labels } as const;
    const { samples, dropped, heldBytes } = await merge.add(page);
    if (heldBytes > 0 && !lease.charge(target.space, heldBytes)) {
      merge.remove(place);
      return failed(outcome, 'over-budget', 'no room for its index');
    }
    if (dropped > 0) observers.onDroppedSamples?.(dropped);
    return { ...outcome, samples };
  } catch (error) {
    if (error instanceof GivenUpError) return failed(outcome, lateFailure(signal), error.message);
    if (!(error instanceof ExpositionError)) throw error;
    const bad = announced ? 'invalid' : 'not-metrics';
    return failed(outcome, error.kind === 'too-large' ? 'too-large' : bad, error.message);
  }
}

/** Why a page whose turn came too late was not merged. */
function lateFailure(signal: AbortSignal): Failure {
  return signal.aborted ? 'aborted' : 'timeout';
}

function failed(outcome: Outcome, failure: Failure, detail: string): Outcome {
  return { ...outcome, samples: 0, failure, detail };
}

/** What promgate itself says of those asked, printed behind all pages. */
function report(asked: readonly Asked[], outcomes: readonly Outcome[], format: FormatName): Buffer {
  const reported = outcomes.map((outcome, at) => ({ ...outcome, ...asked[at]! })); // one for each
  const exporters = reported
    .filter(({ instance }) => instance === undefined)
    .map((one) => ({ ...one, name: one.target.exporter ?? '', host: one.target.host }));
  const instances = reported.filter(({ instance }) => instance !== undefined);
  return printReport(instances, exporters, format);
}
