/**
 * The merged page of an app: asks the instances for their pages, merges what they answer, says how
 * each did.
 *
 * Every failure is in the page; only the caller knows whether it is one of the whole request.
 */
import type { FormatName } from '../exposition/grammar.ts';
import type { Negotiated } from '../exposition/negotiate.ts';
import type { EndpointChoice } from '../fetch/endpoint-choice.ts';
import type { ExternalExporter } from '../fetch/exporter.ts';
import type { Scraper } from '../fetch/fan-out.ts';
import type { ScrapeHeaders } from '../fetch/forward.ts';
import { freePages } from '../fetch/memory.ts';
import { Merge, type MergeOptions } from '../merge/merge.ts';
import type { SplicePlan } from '../merge/plan.ts';
import { type AskedPage, type PagesRequest, pagesToAsk } from './asked-pages.ts';
import { type Answered, Questions } from './asking.ts';
import { type AppPageObservers, notAsked, type Outcome, takenOutcome, takeOff } from './outcome.ts';
import { printReport } from './report.ts';
import { type Merging, takeAnswer } from './take-answer.ts';

export interface AppPageSettings extends Pick<MergeOptions, 'labelConflict' | 'exportJob'> {
  readonly scraper: Scraper;
  readonly exporters: readonly ExternalExporter[];
  /** Remembers which endpoint of an instance with several gave its page. */
  readonly choice?: EndpointChoice | undefined;
  readonly observers: AppPageObservers;
}

/**
 * Merging may run this long past the fetch deadline: half of the smallest margin in
 * `fetch/deadline.ts`.
 */
const MERGE_GRACE_MS = 250;

export interface AppPageRequest extends PagesRequest {
  readonly headers: ScrapeHeaders;
  readonly negotiated: Negotiated;
  /** On the scale of `performance.now()`. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** Aborts when the page is wanted now, with what has arrived. */
  readonly hurry?: AbortSignal | undefined;
}

/** A merged page that is ready to be spliced. Disposal frees its bytes: the plan is void then. */
export interface AppPage extends Disposable {
  readonly plan: SplicePlan;
  readonly format: FormatName;
  readonly outcomes: readonly Outcome[];
  /**
   * Takes room for bytes that are ready for a slow reader.
   *
   * @returns for how many there is room now
   */
  readonly hold: (mostBytes: number) => number;
  /** The plan is void from now on: of its room so many bytes are still needed. */
  readonly shrink: (bytes: number) => void;
}

/** @throws the reason of the signal when the reader has left; else only for a mistake of ours */
export async function loadAppPage(
  settings: AppPageSettings,
  request: AppPageRequest,
): Promise<AppPage> {
  const { scraper, observers, choice } = settings;
  const { headers, deadlineMs, signal, hurry } = request;
  const asked = pagesToAsk(settings.exporters, { ...request, choice });
  let merging = newMerging(asked, settings, request);
  using resources = new DisposableStack();
  const lease = resources.use(scraper.lease());
  await scraper.scrape({
    targets: merging.questions.targets,
    ...{ headers, deadlineMs, signal, hurry, lease },
    onAnswer: (answer, index) => {
      const { questions, adding } = merging;
      const { page, place } = questions.at(index);
      const taken = takeAnswer(merging, page, { answer, place, observers, lease, signal });
      adding.push(taken);
      return taken.then(
        (outcome) => questions.answer(index, outcome),
        () => undefined, // thrown below, once all have answered
      );
    },
    onRestart: async () => {
      const given = merging;
      given.isVoid = true;
      merging = newMerging(asked, settings, request);
      await Promise.allSettled(given.adding);
    },
  });
  await Promise.all(merging.adding);
  const { plan, format, outcomes } = await settle(merging, observers, signal);
  const free = (): void => freePages(plan.sources.map(({ page }) => page.body.bytes));
  resources.defer(free);
  const held = resources.move();
  return {
    ...{ plan, format, outcomes },
    hold: (mostBytes) => lease.lend(mostBytes),
    shrink: (bytes) => {
      free();
      lease.shrink(bytes);
    },
    [Symbol.dispose]: () => held.dispose(),
  };
}

function newMerging(
  asked: readonly AskedPage[],
  { labelConflict, exportJob, choice }: AppPageSettings,
  { negotiated: { escaping, preferOpenMetrics }, deadlineMs, signal }: AppPageRequest,
): Merging {
  const merging: Merging = {
    adding: [],
    questions: new Questions(asked, {
      ...{ choice, deadlineMs, signal },
      refuse: (page) => (page.instance?.ambiguous ? notAsked(page, 'ambiguous') : undefined),
    }),
    waiting: undefined,
    isVoid: false,
    merge: new Merge({
      ...{ labelConflict, exportJob, escaping, preferOpenMetrics },
      learn: asked.length > 1,
      pages: asked.length,
      givesUp: () =>
        signal.aborted || merging.isVoid || performance.now() > deadlineMs + MERGE_GRACE_MS,
    }),
  };
  return merging;
}

/** All pages are in: what the merged one is made of, and how each did. */
async function settle(
  { merge, questions: { answers } }: Merging,
  observers: AppPageObservers,
  signal: AbortSignal,
): Promise<Pick<AppPage, 'plan' | 'format' | 'outcomes'>> {
  const { format, takenOut, duplicates, undated } = await merge.settle();
  if (undated > 0) observers.onUndatedSamples?.(undated);
  const outcomes = answers.map(({ result }) => result);
  for (const one of takenOut) {
    const outcome = outcomes[one.place]!;
    // It may have had no room either.
    if (outcome.failure === undefined) outcomes[one.place] = takenOutcome(outcome, one, signal);
  }
  if (duplicates.length > 0) takeOff(outcomes, duplicates, observers);
  if (signal.aborted) {
    observers.onOutcomes?.(outcomes);
    throw signal.reason; // nobody reads the page: thousands may end together
  }
  const plan = await merge.plan(format, report(answers, outcomes, format));
  if (plan.conflicts > 0) observers.onTypeConflicts?.(plan.conflicts);
  observers.onOutcomes?.(outcomes);
  return { plan, format, outcomes };
}

/** What promgate itself says of those asked, printed behind all pages. */
function report(
  answers: readonly Answered<Outcome>[],
  outcomes: readonly Outcome[],
  format: FormatName,
): Buffer {
  const reported = outcomes.map((outcome, at) => ({
    ...outcome,
    ...answers[at]!.page, // one for each
    labels: answers[at]!.page.reported,
    page: answers[at]!.page.reportedPage,
  }));
  const exporters = reported
    .filter(({ instance }) => instance === undefined)
    .map((one) => ({ ...one, name: one.target.exporter ?? '', host: one.target.host }));
  const instances = reported.filter(({ instance }) => instance !== undefined);
  return printReport(instances, exporters, format);
}
