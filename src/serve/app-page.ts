/**
 * Loads the merged page of an app: asks the instances for their pages, merges these, and reports
 * the outcome of each.
 *
 * The merged page reports every failure; the caller decides whether the whole request has failed.
 */
import type { FormatName } from '../exposition/grammar.ts';
import type { Negotiated } from '../exposition/negotiate.ts';
import type { EndpointChoice } from '../fetch/endpoint-choice.ts';
import type { ExternalExporter } from '../fetch/exporter.ts';
import type { Scraper } from '../fetch/fan-out.ts';
import type { ScrapeHeaders } from '../fetch/forward.ts';
import type { Lease } from '../fetch/lease.ts';
import { freePages } from '../fetch/memory.ts';
import type { Ways } from '../fetch/ways.ts';
import { Merge, type MergeOptions } from '../merge/merge.ts';
import type { SplicePlan } from '../merge/plan.ts';
import { ArrivedAnswers } from './arrived-answers.ts';
import { type AskedPage, type PagesRequest, pagesToAsk } from './asked-pages.ts';
import { type Answered, Questions } from './asking.ts';
import { type AppPageObservers, notAsked, type Outcome, takenOutcome, takeOff } from './outcome.ts';
import { PROMREGATOR_FAMILIES, printPromregatorReport } from './promregator-report.ts';
import { printReport } from './report.ts';
import { type Merging, takeAnswer } from './take-answer.ts';

/** Asks instances for pages, and bounds their bytes. */
type PageScraper = Pick<Scraper, 'lease' | 'scrape'>;

export interface AppPageSettings extends Pick<MergeOptions, 'labelConflict' | 'exportJob'> {
  readonly scraper: PageScraper;
  readonly exporters: readonly ExternalExporter[];
  /** Remembers which of an instance's endpoints gave the page. */
  readonly choice?: EndpointChoice | undefined;
  readonly ways?: Ways | undefined;
  readonly observers: AppPageObservers;
}

/**
 * Merging may run this long past the deadline of the fetches: half of the smallest margin that
 * `fetch/deadline.ts` subtracts.
 */
const MERGE_GRACE_MS = 250;

/** The share of the time left that a scrape waits for what its ways need to know. */
const PREPARE_SHARE = 0.25;

export interface AppPageRequest extends PagesRequest {
  readonly headers: ScrapeHeaders;
  readonly negotiated: Negotiated;
  /**
   * The deadline of the fetches, on the scale of `performance.now()`; it may move until all
   * instances have answered.
   */
  readonly deadlineMs: number;
  /** Aborts when the reader has left. */
  readonly signal: AbortSignal;
  /** Takes a way to make a page of the answers that have arrived, for who cannot wait for all. */
  readonly offer?: ((soFar: (waiter: PageWaiter) => Promise<AppPage>) => void) | undefined;
  /** Called when all instances have answered, so that the page will soon be made. */
  readonly onAnswered?: (() => void) | undefined;
  /** Aborts to bring the deadline forward to now. */
  readonly hurry?: AbortSignal | undefined;
}

/** A reader who wants the page of what has arrived. */
type PageWaiter = Pick<AppPageRequest, 'deadlineMs' | 'signal'>;

/** A merged page that is ready to be spliced. Disposal frees the bytes that `plan` refers to. */
export interface AppPage extends Disposable {
  readonly plan: SplicePlan;
  readonly format: FormatName;
  readonly outcomes: readonly Outcome[];
  /**
   * Borrows bytes of the byte budget to buffer the page for a slow reader. Never waits.
   *
   * @returns how many bytes, at most `mostBytes`; 0 if too few are free now
   */
  readonly hold: (mostBytes: number) => number;
  /**
   * Frees the bytes that `plan` refers to, and gives the budget back all but `bytes`, which the
   * caller still buffers. The caller must not use `plan` afterwards.
   */
  readonly shrink: (bytes: number) => void;
  /** Gives the budget back all bytes, but keeps the pages: the cache counts their bytes instead. */
  readonly handOver: () => void;
  /** Charges bytes that were handed over to the budget again. @returns false if it has no room */
  readonly takeBack: (bytes: number) => boolean;
}

/** @throws the reason of `signal` when the reader has left; any other error is a bug of promgate */
export async function loadAppPage(
  settings: AppPageSettings,
  request: AppPageRequest,
): Promise<AppPage> {
  const { exporters, choice, ways } = settings;
  const { instances, settingsOf, deadlineMs } = request;
  const preparing = ways?.prepare(
    instances,
    ({ app }) => settingsOf?.(app).pages ?? [],
    (deadlineMs - performance.now()) * PREPARE_SHARE,
  );
  if (preparing) await preparing;
  return load(pagesToAsk(exporters, { ...request, choice, ways }), settings, request);
}

async function load(
  asked: readonly AskedPage[],
  settings: AppPageSettings,
  request: AppPageRequest,
): Promise<AppPage> {
  const { scraper, observers, ways } = settings;
  const { headers, signal, hurry } = request;
  let merging = newMerging(asked, settings, request);
  const arrived = new ArrivedAnswers(scraper);
  request.offer?.((waiter) => loadSoFar(asked, arrived, { settings, request, waiter }));
  using resources = new DisposableStack();
  const lease = resources.use(scraper.lease());
  await scraper.scrape({
    targets: merging.questions.targets,
    ...{ headers, signal, hurry, lease },
    get deadlineMs() {
      return request.deadlineMs;
    },
    onAnswer: (answer, index) => {
      arrived.add(answer);
      const { questions, adding } = merging;
      const { page, place } = questions.at(index);
      const taken = takeAnswer(merging, page, { answer, place, observers, lease, signal });
      adding.push(taken);
      return taken.then(
        (outcome) => questions.answer(index, told(outcome, page, ways)),
        () => undefined, // `Promise.all` below throws the error
      );
    },
    onRestart: async () => {
      arrived.clear();
      const given = merging;
      given.isVoid = true;
      merging = newMerging(asked, settings, request);
      await Promise.allSettled(given.adding);
    },
  });
  await Promise.all(merging.adding);
  request.onAnswered?.();
  arrived.close();
  const merged = await settle(merging, observers, request);
  return leasedPage(merged, lease, resources.move());
}

/** Tells the ways of an outcome, and gets their advice if it is a failure. */
function told(outcome: Outcome, { target }: AskedPage, ways: Ways | undefined): Outcome {
  const { failure } = outcome;
  ways?.heard(target, failure);
  const advice = failure && ways?.adviceOf(target, failure);
  return advice === undefined ? outcome : { ...outcome, advice };
}

/** The page holds nothing of the scrape and the merge: it may be kept for long. */
function leasedPage(
  { plan, format, outcomes }: Pick<AppPage, 'plan' | 'format' | 'outcomes'>,
  lease: Lease,
  held: DisposableStack,
): AppPage {
  const free = (): void => freePages(plan.sources.map(({ page }) => page.body.bytes));
  held.defer(free);
  return {
    ...{ plan, format, outcomes },
    hold: (mostBytes) => lease.lend(mostBytes),
    shrink: (bytes) => {
      free();
      lease.shrink(bytes);
    },
    handOver: () => {
      lease.shrink(0);
      lease.holder = undefined; // has nothing left to give back
    },
    takeBack: (bytes) => lease.charge(lease.home?.name ?? '', bytes) === true,
    [Symbol.dispose]: () => held.dispose(),
  };
}

interface SoFar {
  readonly settings: AppPageSettings;
  readonly request: AppPageRequest;
  readonly waiter: PageWaiter;
}

/**
 * Merges copies of the pages that have arrived; instances that have not answered count as `timeout`.
 * The observers are not called: the scrape itself reports each instance once.
 */
function loadSoFar(
  asked: readonly AskedPage[],
  arrived: ArrivedAnswers,
  { settings, request, waiter }: SoFar,
): Promise<AppPage> {
  const none = { hurry: undefined, offer: undefined, onAnswered: undefined };
  const alone = { ...request, ...waiter, ...none };
  const replayed = { ...settings, scraper: arrived.replay(), observers: {}, ways: undefined };
  return load(asked, replayed, alone);
}

function newMerging(
  asked: readonly AskedPage[],
  { labelConflict, exportJob, choice, ways }: AppPageSettings,
  request: AppPageRequest,
): Merging {
  const { negotiated, signal, style } = request;
  const { escaping, preferOpenMetrics } = negotiated;
  const merging: Merging = {
    adding: [],
    questions: new Questions(asked, {
      ...{ choice, signal },
      deadlineMs: () => request.deadlineMs,
      refuse: (page) => {
        const why = page.target.refused ?? (page.instance?.ambiguous ? 'ambiguous' : undefined);
        return why && notAsked(page, why, ways?.adviceOf(page.target, why));
      },
    }),
    waiting: undefined,
    isVoid: false,
    merge: new Merge({
      ...{ labelConflict, exportJob, escaping, preferOpenMetrics },
      ownFamilies: style === 'promregator' ? PROMREGATOR_FAMILIES : undefined,
      pages: asked.length,
      givesUp: () =>
        signal.aborted || merging.isVoid || performance.now() > request.deadlineMs + MERGE_GRACE_MS,
    }),
  };
  return merging;
}

/** Plans the merged page once all pages are added, and settles the outcome of each page. */
async function settle(
  { merge, questions: { answers } }: Merging,
  observers: AppPageObservers,
  { signal, style = 'merged' }: AppPageRequest,
): Promise<Pick<AppPage, 'plan' | 'format' | 'outcomes'>> {
  const { format, takenOut, duplicates, undated } = await merge.settle();
  if (undated > 0) observers.onUndatedSamples?.(undated);
  const outcomes = answers.map(({ result }) => result);
  for (const one of takenOut) {
    const outcome = outcomes[one.place]!;
    // A page without room for its index has failed already.
    if (outcome.failure === undefined) outcomes[one.place] = takenOutcome(outcome, one, signal);
  }
  if (duplicates.length > 0) takeOff(outcomes, duplicates, observers);
  if (signal.aborted) {
    observers.onOutcomes?.(outcomes);
    throw signal.reason; // planning costs time, and thousands of readers may leave at once
  }
  const tail =
    style === 'merged' ? report(answers, outcomes, format) : printPromregatorReport(outcomes);
  const plan = await merge.plan(format, tail);
  if (plan.conflicts > 0) observers.onTypeConflicts?.(plan.conflicts);
  observers.onOutcomes?.(outcomes);
  return { plan, format, outcomes };
}

/** Prints promgate's own families about the asked pages; they follow all other families. */
function report(
  answers: readonly Answered<Outcome>[],
  outcomes: readonly Outcome[],
  format: FormatName,
): Buffer {
  const reported = outcomes.map((outcome, at) => ({
    ...outcome,
    ...answers[at]!.page, // there is one answer for each outcome
    labels: answers[at]!.page.reported,
    page: answers[at]!.page.reportedPage,
  }));
  const exporters = reported
    .filter(({ instance }) => instance === undefined)
    .map((one) => ({ ...one, name: one.target.exporter ?? '', host: one.target.host }));
  const instances = reported.filter(({ instance }) => instance !== undefined);
  return printReport(instances, exporters, format);
}
