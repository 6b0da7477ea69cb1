/**
 * The merged page of an app: asks the instances for their pages, merges what they answer, says how
 * each did.
 *
 * Every failure is in the page; only the caller knows whether it is one of the whole request.
 */
import type { AppIdentity, Instance } from '../discover/instance.ts';
import { ExpositionError } from '../exposition/error.ts';
import type { FormatName } from '../exposition/grammar.ts';
import { formatOf, type Negotiated } from '../exposition/negotiate.ts';
import type { ScrapeAnswer } from '../fetch/answer.ts';
import type { Lease } from '../fetch/budget.ts';
import type { ExternalExporter } from '../fetch/exporter.ts';
import type { Failure } from '../fetch/failure.ts';
import type { Scraper } from '../fetch/fan-out.ts';
import type { ScrapeHeaders } from '../fetch/forward.ts';
import { freePages } from '../fetch/memory.ts';
import {
  type Duplicates,
  GivenUpError,
  Merge,
  type MergeOptions,
  type TakenOut,
} from '../merge/merge.ts';
import type { SplicePlan } from '../merge/plan.ts';
import { type AskedPage, pagesToAsk, type Wanted } from './asked-pages.ts';
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
  /** Samples that spoke in promgate's name. */
  readonly onDroppedSamples?: (count: number) => void;
  /** Samples that the app's bindings do not want. */
  readonly onFilteredSamples?: (count: number) => void;
  /** Samples of series that an earlier page of the same instance gave. */
  readonly onDuplicateSamples?: (count: number) => void;
}

export interface AppPageRequest extends Wanted {
  readonly headers: ScrapeHeaders;
  readonly negotiated: Negotiated;
  /** On the scale of `performance.now()`. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** How one page of an instance, or an exporter, did. */
export interface Outcome {
  readonly app: AppIdentity;
  /** Undefined for an external exporter. */
  readonly instance: Instance | undefined;
  /** The request target asked. */
  readonly path: string;
  readonly durationSeconds: number;
  readonly bytes: number;
  /** Of those in the merged page. */
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

/** @throws only for a mistake of ours */
export async function loadAppPage(
  settings: AppPageSettings,
  request: AppPageRequest,
): Promise<AppPage> {
  const { scraper, labelConflict, exportJob, observers } = settings;
  const { negotiated, headers, deadlineMs, signal } = request;
  const asked = pagesToAsk(settings.exporters, request);
  const places = new Map(asked.map(({ target }, place) => [target, place]));
  const { escaping, preferOpenMetrics } = negotiated;
  const merge = new Merge({
    ...{ labelConflict, exportJob, escaping, preferOpenMetrics },
    learn: asked.length > 1,
    pages: asked.length,
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
  const { format, takenOut, duplicates } = await merge.settle();
  const outcomes = added.with(0, added[0]!); // at least one was asked
  for (const { place, error } of takenOut) {
    if (outcomes[place]!.failure !== undefined) continue; // it had no room either
    outcomes[place] = failed(outcomes[place]!, takenOutFailure(error, signal), error.message);
  }
  if (duplicates.length > 0) takeOff(outcomes, duplicates, observers);
  const plan = await merge.plan(format, report(asked, outcomes, format));
  if (plan.conflicts > 0) observers.onTypeConflicts?.(plan.conflicts);
  observers.onOutcomes?.(outcomes);
  resources.defer(() => freePages(plan.sources.map(({ page }) => page.body.bytes)));
  const held = resources.move();
  return { plan, format, outcomes, [Symbol.dispose]: () => held.dispose() };
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
  { app, instance, labels, rules, target }: AskedPage,
  { answer, place, observers, lease, signal }: Answered,
): Promise<Outcome> {
  const { durationSeconds, bodyBytes: bytes } = answer;
  const outcome: Outcome = {
    ...{ app, instance, path: target.path, durationSeconds, bytes, samples: 0 },
    ...{ failure: answer.failure, status: undefined, detail: undefined },
  };
  if (answer.failure !== undefined) return { ...outcome, status: answer.status };
  const { format, announced } = formatOf(answer.page.contentType);
  const of = instance ? 'instance' : 'exporter';
  try {
    const { samples, dropped, filtered, heldBytes } = await merge.add({
      ...{ place, of, bytes: answer.page.body, format, labels, rules },
      instance: target.oneOfSeveral ? instance : undefined,
    });
    if (heldBytes > 0 && !lease.charge(target.space, heldBytes)) {
      merge.remove(place);
      return failed(outcome, 'over-budget', 'no room for its index');
    }
    if (dropped > 0) observers.onDroppedSamples?.(dropped);
    if (filtered > 0) observers.onFilteredSamples?.(filtered);
    return { ...outcome, samples };
  } catch (error) {
    if (error instanceof GivenUpError) return failed(outcome, lateFailure(signal), error.message);
    if (!(error instanceof ExpositionError)) throw error;
    const bad = announced ? 'invalid' : 'not-metrics';
    return failed(outcome, error.kind === 'too-large' ? 'too-large' : bad, error.message);
  }
}

function takenOutFailure(error: TakenOut['error'], signal: AbortSignal): Failure {
  if (error instanceof GivenUpError) return lateFailure(signal);
  return error.kind === 'too-large' ? 'too-large' : 'invalid';
}

/** Why a page whose turn came too late was not merged. */
function lateFailure(signal: AbortSignal): Failure {
  return signal.aborted ? 'aborted' : 'timeout';
}

/** Duplicates are found once all pages are in, when their samples are counted already. */
function takeOff(
  outcomes: Outcome[],
  duplicates: readonly Duplicates[],
  { onDuplicateSamples }: AppPageObservers,
): void {
  let sum = 0;
  for (const { place, samples } of duplicates) {
    const outcome = outcomes[place]!; // the merge names places that it was given
    outcomes[place] = { ...outcome, samples: outcome.samples - samples };
    sum += samples;
  }
  onDuplicateSamples?.(sum);
}

function failed(outcome: Outcome, failure: Failure, detail: string): Outcome {
  return { ...outcome, samples: 0, failure, detail };
}

/** What promgate itself says of those asked, printed behind all pages. */
function report(
  asked: readonly AskedPage[],
  outcomes: readonly Outcome[],
  format: FormatName,
): Buffer {
  const reported = outcomes.map((outcome, at) => ({
    ...outcome,
    ...asked[at]!, // one for each
    labels: asked[at]!.reported,
    page: asked[at]!.reportedPage,
  }));
  const exporters = reported
    .filter(({ instance }) => instance === undefined)
    .map((one) => ({ ...one, name: one.target.exporter ?? '', host: one.target.host }));
  const instances = reported.filter(({ instance }) => instance !== undefined);
  return printReport(instances, exporters, format);
}
